//! What `case-fold-compare` must leave alone.

fn f(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b) || a.to_lowercase() == b
}
