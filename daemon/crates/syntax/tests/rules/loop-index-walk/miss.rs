//! What `loop-index-walk` must leave alone.

fn f(s: &str, xs: &[&str], k: usize) {
    for x in xs {
        use_it(x.chars().nth(0));
        use_it(s.chars().nth(k));
    }
    for c in s.chars() {
        use_it(c);
    }
}
