def f(d, x, xs):
    if x in list(d.keys()):  # HIT
        return 1
