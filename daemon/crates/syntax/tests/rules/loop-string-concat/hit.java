class A {
    String f(List<String> xs) {
        String s = "";
        for (String x : xs) {
            s += x; // HIT
            s = s + ","; // HIT
        }
        return s;
    }
}
