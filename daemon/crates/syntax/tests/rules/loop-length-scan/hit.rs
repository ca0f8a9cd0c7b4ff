//! What `loop-length-scan` must find.

fn f(s: &str) {
    let mut i = 0;
    while i < s.chars().count() { // HIT
        i += 1;
    }
}
