//! What `loop-grow-unreserved` must find.

fn f(xs: &[u8]) {
    let mut out = Vec::new();
    for x in xs.iter() {
        out.push(*x); // HIT
    }
}
