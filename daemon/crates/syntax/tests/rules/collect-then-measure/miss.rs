//! What `collect-then-measure` must leave alone.

fn f(xs: &[u8]) -> usize {
    let kept = xs.iter().collect::<Vec<_>>();
    xs.iter().count() + kept.len() + xs.iter().collect::<HashSet<_>>().len()
}
