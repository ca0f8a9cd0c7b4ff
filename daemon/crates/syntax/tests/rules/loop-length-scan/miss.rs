//! What `loop-length-scan` must leave alone.

fn f(s: &str, xs: &[u8]) {
    let n = s.chars().count();
    let mut i = 0;
    while i < n && i < s.len() {
        i += s.chars().count();
    }
}
