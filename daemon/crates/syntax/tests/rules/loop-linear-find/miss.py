def f(xs, ys, it):
    for x in xs:
        x.y = next((y for y in x.ys if y.id == x.id), None)
        x.z = next((y for y in ys if y.ok), None)
            x.w = next((y for y in ys if x.id.find(y.prefix) == 0), None)
    next(it)
