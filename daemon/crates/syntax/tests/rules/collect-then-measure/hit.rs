//! What `collect-then-measure` must find.

fn f(xs: &[u8]) -> usize {
    if xs.iter().filter(|x| **x > 1).collect::<Vec<_>>().is_empty() { // HIT
        return 0;
    }
    xs.iter().collect::<Vec<_>>().len() // HIT
}
