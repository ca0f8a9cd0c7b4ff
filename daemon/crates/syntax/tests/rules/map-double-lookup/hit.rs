//! What `map-double-lookup` must find.

fn f(m: &mut HashMap<String, u8>, k: String) {
    if m.contains_key(&k) { // HIT
        use_it(m[&k]);
    }
    if !m.contains_key(&k) { // HIT
        m.insert(k, 1);
    }
}
