//! What `loop-linear-find` must find.

fn f(xs: &[X], ys: &[Y]) {
    for x in xs {
        use_it(ys.iter().find(|y| y.id == x.id)); // HIT
        use_it(ys.iter().position(|&(id, _)| x.ids[0] == id)); // HIT
    }
}
