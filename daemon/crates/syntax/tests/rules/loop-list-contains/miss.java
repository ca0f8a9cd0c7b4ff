class A {
    void f(List<String> xs, Collection2 c) {
        Set<String> seen = new HashSet<>();
        List<String> two = Arrays.asList("a", "b");
        for (String x : xs) {
            if (!seen.contains(x) && x.contains("a") && c.contains(x)) {
                seen.add(x);
            }
        }
    }
}
