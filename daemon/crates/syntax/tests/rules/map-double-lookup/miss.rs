//! What `map-double-lookup` must leave alone.

fn f(m: &mut HashMap<String, u8>, n: &mut HashMap<String, u8>, k: String) {
    if m.contains_key(&k) {
        use_it(n[&k]);
    }
    if let Some(x) = m.get(&k) {
        use_it(x);
    }
}
