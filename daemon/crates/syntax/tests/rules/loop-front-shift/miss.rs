//! What `loop-front-shift` must leave alone.

fn f(mut work: VecDeque<u32>, mut xs: Vec<u32>, i: usize) {
    while !work.is_empty() {
        work.remove(0);
        xs.remove(i);
    }
}
