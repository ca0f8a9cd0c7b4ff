def f(xs):
    out = []
    for x in xs:
        out = out + [x]  # HIT
    return out
