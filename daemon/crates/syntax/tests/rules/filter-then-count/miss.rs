//! What `filter-then-count` must leave alone.

fn f(xs: &[u8]) -> bool {
    xs.iter().any(|x| *x > 1) || xs.iter().filter(|x| **x > 1).count() > 4 || xs.iter().count() == 0
}
