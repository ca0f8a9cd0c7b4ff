//! What `loop-front-shift` must find.

fn f(mut work: Vec<u32>) {
    while !work.is_empty() {
        work.remove(0); // HIT
    }
}
