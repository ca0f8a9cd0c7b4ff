func f(xs: [X], ys: [Y], id: Int) {
    for x in xs {
        use(ys.first(where: { $0.id == id }), ys.first)
        use(ys.contains(where: { x.id.distance($0.prefix) == 0 }))
    }
}
