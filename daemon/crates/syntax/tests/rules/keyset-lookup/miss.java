class A {
    void f(Map<String, String> m, Map<String, String> n) {
        for (String k : m.keySet()) {
            use(k, n.get(k));
        }
        for (Map.Entry<String, String> e : m.entrySet()) {
            m.get(e.getKey());
        }
    }
}
