def f(xs, base):
    for x in xs:
        y = copy.deepcopy(base)  # HIT
        use(x, y)
