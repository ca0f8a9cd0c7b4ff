def f(xs, ys):
    for x in xs:
        x.y = next((y for y in ys if y.id == x.id), None)  # HIT
