//! What `loop-linear-find` must leave alone.

fn f(xs: &[X], ys: &[Y], id: u32) {
    for x in xs {
        use_it(x.ys.iter().find(|y| y.id == x.id));
        use_it(ys.iter().find(|y| y.id == id));
        use_it(ys.iter().find(|y| y.id > x.id));
        use_it(ys.iter().any(|y| x.id.find(y.prefix) == Some(0)));
    }
}

fn key_of_another(others: &[u32], items: &[Item], selected: u32, wanted: &Item) {
    for id in others {
        use_it(id, items.iter().find(|i| i.id == selected));
        use_it(id, items.iter().any(|id| id == wanted));
    }
    for (name, value) in others {
        use_it(value, items.iter().position(|i| i.name == wanted.name));
        use_it(name, items.iter().find(|i| i.value() == wanted.value()));
    }
    for item in others {
        use_it(item, items.iter().find(|item| item.id == selected));
    }
}

fn known(xs: &[X], groups: &Groups) {
    for x in xs {
        let group = &groups[x.kind];
        use_it(group.iter().find(|y| y.id == x.id));
        use_it(groups.of(x).iter().find(|y| y.id == x.id));
        use_it(x.name.chars().any(|c| c == x.first));
        use_it(groups.iter().find(|y| y.from <= x.at));
        use_it(groups.iter().any(|y| y.is(x)));
    }
}
