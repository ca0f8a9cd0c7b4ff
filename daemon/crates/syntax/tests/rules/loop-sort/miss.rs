//! What `loop-sort` must leave alone.

fn f(ys: &[Vec<u32>]) {
    let mut kept = Vec::new();
    for y in ys {
        let mut own = y.clone();
        own.sort();
        kept.clear();
        kept.push(1);
        kept.sort();
    }
}
