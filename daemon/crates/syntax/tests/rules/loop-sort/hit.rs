//! What `loop-sort` must find.

fn f(ys: &[u32]) {
    let mut best = Vec::new();
    for y in ys {
        best.push(*y);
        best.sort(); // HIT
    }
}
