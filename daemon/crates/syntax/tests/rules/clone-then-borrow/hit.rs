//! What `clone-then-borrow` must find.

fn f(xs: &[String]) {
    for x in xs {
        g(&x.clone()); // HIT
    }
}
fn h(s: &str) -> bool {
    s.to_string() == "a" // HIT
}
