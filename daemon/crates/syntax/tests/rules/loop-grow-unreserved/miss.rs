//! What `loop-grow-unreserved` must leave alone.

fn f(xs: &[u8]) {
    let mut out = Vec::with_capacity(xs.len());
    let mut some = Vec::new();
    for x in xs {
        out.push(*x);
    }
    for x in lines() {
        some.push(x);
    }
}
