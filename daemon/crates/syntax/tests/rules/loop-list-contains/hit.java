class A {
    void f(List<String> xs) {
        List<String> seen = new ArrayList<>();
        for (String x : xs) {
            if (!seen.contains(x)) { // HIT
                seen.add(x);
            }
        }
    }
}
