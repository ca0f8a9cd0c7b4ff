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

class B {
    int f(Map<String, Integer> m, String k, int i) {
        if (m.containsKey(k)) {
            k = next(k);
            use(m.get(k));
        }
        if (m.containsKey(k)) {
            m.remove(k);
            use(m.get(k));
        }
        if (m.containsKey(i)) {
            i++;
            use(m.get(i));
        }
        if (m.containsKey(k)) {
            m = load();
            use(m.get(k));
        }
        if (m.containsKey(k)) {
            return 1;
        }
        if (!m.containsKey(k)) {
            m.put(k, 1);
        }
        Integer n = m.get(k);
        if (n != null) {
            use(n);
        }
        if (other.m.containsKey(k)) {
            use(m.get(k));
        }
        return m.get(k);
    }
}
