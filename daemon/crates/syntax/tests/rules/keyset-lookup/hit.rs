//! What `keyset-lookup` must find.

fn f(m: &HashMap<String, u8>) {
    for k in m.keys() {
        use_it(m[k]); // HIT
        use_it(m.get(k)); // HIT
    }
}
