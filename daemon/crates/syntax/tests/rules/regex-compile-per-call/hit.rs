//! What `regex-compile-per-call` must find.

fn ok(s: &str) -> bool {
    Regex::new("^a+$").unwrap().is_match(s) // HIT
}
