def f(xs, i):
    ys = sorted(xs)
    return ys[0], sorted(xs)[1], sorted(xs)[i], sorted(xs)[0:2]
