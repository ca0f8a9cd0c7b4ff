//! What `loop-index-walk` must find.

fn f(s: &str, n: usize) {
    for i in 0..n {
        use_it(s.chars().nth(i)); // HIT
    }
}
