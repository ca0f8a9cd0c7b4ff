def f(xs):
    out = []
    for x in xs:
        out += [x]
        own = []
        own = own + [x]
        n = x + 1
    return out + [1]
