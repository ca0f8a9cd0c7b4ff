class A {
    void f(Map<String, String> m) {
        for (String k : m.keySet()) {
            use(k, m.get(k)); // HIT
        }
    }
}
