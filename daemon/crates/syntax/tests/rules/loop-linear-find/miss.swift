func f(xs: [X], ys: [Y], id: Int) {
    for x in xs {
        use(ys.first(where: { $0.id == id }), ys.first)
        use(ys.contains(where: { x.id.distance($0.prefix) == 0 }))
    }
}

func keyOfAnother(others: [Int], items: [Item], selected: Int, wanted: Item) {
    for id in others {
        use(id, items.first(where: { $0.id == selected }))
        use(id, items.contains(where: { $0.key.id == wanted.id }))
    }
    for (name, value) in others {
        use(value, items.firstIndex(where: { $0.name == wanted.name }), name)
    }
}

func known(xs: [X], groups: [Group]) {
    for x in xs {
        let group = groups[x.kind]
        use(group.first(where: { $0.id == x.id }))
        use(x.parts.first(where: { $0.id == x.id }))
        use(groups.first(where: { $0.from <= x.at }), groups.first)
    }
}
