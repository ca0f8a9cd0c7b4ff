class A {
    int f(Map<String, Integer> m, String k) {
        if (m.containsKey(k)) { // HIT
            return m.get(k);
        }
        return 0;
    }
}

class B {
    void f(Map<String, Integer> m, Map<String, List<Row>> rows, String k, Row row) {
        if (m.containsKey(k)) { // HIT
            m.put(k, m.get(k) + 1);
        } else {
            m.put(k, 1);
        }
        if (rows.containsKey(row.key)) { // HIT
            rows.get(row.key).add(row);
        }
        if (this.known.containsKey(k)) { // HIT
            count += 1;
            boolean same = k == row.key;
            use(same, this.known.get(k));
        }
        String name = m.containsKey(k) ? "a" : "b";
        if (m.containsKey(name)) { // HIT
            Integer n = m.get(name);
            m.remove(name);
            use(n);
        }
    }
}
