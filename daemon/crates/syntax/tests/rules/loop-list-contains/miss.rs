//! What `loop-list-contains` must leave alone.

fn f(xs: &[u32], range: Range<u32>) {
    let mut seen = HashSet::new();
    let mut text = String::new();
    for x in xs {
        if !seen.contains(x) && range.contains(x) && text.contains("a") {
            seen.insert(*x);
            text.push('a');
        }
    }
}
