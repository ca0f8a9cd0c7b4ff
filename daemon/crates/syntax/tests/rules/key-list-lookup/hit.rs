//! What `key-list-lookup` must find.

fn f(m: &HashMap<String, u8>, x: &str) -> bool {
    m.keys().any(|k| k == x) // HIT
}
