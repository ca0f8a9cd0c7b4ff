class A {
    int f(Map<String, Integer> m, Map<String, Integer> n, String k) {
        if (m.containsKey(k)) {
            return n.get(k);
        }
        if (m.containsKey(next())) {
            return m.get(next());
        }
        return m.getOrDefault(k, 0);
    }
}
