class A {
    int f(Map<String, Integer> m, String k) {
        if (m.containsKey(k)) { // HIT
            return m.get(k);
        }
        return 0;
    }
}
