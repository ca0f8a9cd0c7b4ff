def f(d, x, xs):
    return x in d.keys() or x in d or x in list(xs)
