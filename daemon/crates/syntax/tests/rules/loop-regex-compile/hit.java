class A {
    void f(List<String> xs) {
        for (String x : xs) {
            Pattern.compile("a+").matcher(x); // HIT
            x.replaceAll("[0-9]+", ""); // HIT
        }
    }
}
