func f(xs: [X], ys: [Y]) {
    for x in xs {
        use(ys.first(where: { $0.id == x.id })) // HIT
    }
}
