//! What `case-fold-compare` must find.

fn f(a: &str, b: &str) -> bool {
    a.to_ascii_lowercase() == b.to_ascii_lowercase() // HIT
}
