//! What `filter-then-count` must find.

fn f(xs: &[u8]) -> bool {
    xs.iter().filter(|x| **x > 1).count() > 0 // HIT
}
