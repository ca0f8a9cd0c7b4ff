//! What `loop-linear-find` must leave alone.

fn f(xs: &[X], ys: &[Y], id: u32) {
    for x in xs {
        use_it(x.ys.iter().find(|y| y.id == x.id));
        use_it(ys.iter().find(|y| y.id == id));
        use_it(ys.iter().find(|y| y.id > x.id));
        use_it(ys.iter().any(|y| x.id.find(y.prefix) == Some(0)));
    }
}
