//! What `clone-then-borrow` must leave alone.

fn f(xs: &[String], n: u32) {
    for x in xs {
        g(x);
        g(x.clone());
        g(&x.borrow().clone());
        let y = &x.clone();
        g(&n.to_string());
    }
}
