def f(xs, ys, it):
    for x in xs:
        x.y = next((y for y in x.ys if y.id == x.id), None)
        x.z = next((y for y in ys if y.ok), None)
            x.w = next((y for y in ys if x.id.find(y.prefix) == 0), None)
    next(it)

def key_of_another(others, items, selected):
    for id in others:
        x = next((i for i in items if i.id == selected), None)
        y = next((i for i in items if i["id"] == selected), None)
        use(id, x, y)
    for name, value in others.items():
        use(name, next((i for i in items if i.name == selected.name), value))
    for item in others:
        use(next((item for item in items if item.id == selected), item))


def known(xs, groups):
    for x in xs:
        group = groups[x.kind]
        x.a = next((y for y in group if y.id == x.id), None)
        x.b = next((y for y in x.parts if y == x.main), None)
        x.c = next((y for y in groups if x.id in y.ids), None)
        x.d = next((y for y in groups if y.at >= x.at), None)
        x.e = next((y for y in groups if y.id == x.ids[y.kind]), None)
        x.f = next((y for y in range(10) if y == x), None)
        x.g = next(y for y in ("a", "b") if y == x.kind)
