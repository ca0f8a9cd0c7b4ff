//! What `loop-list-contains` must find.

fn f(xs: &[u32]) {
    let mut seen = Vec::new();
    for x in xs {
        if !seen.contains(x) { // HIT
            seen.push(*x);
        }
    }
}
