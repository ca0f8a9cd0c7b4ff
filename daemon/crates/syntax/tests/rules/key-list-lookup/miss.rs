//! What `key-list-lookup` must leave alone.

fn f(m: &HashMap<String, u8>, x: &str) -> bool {
    m.contains_key(x) || m.keys().any(|k| k.name == x) || m.keys().any(|k| k.starts_with(x))
}
