def f(xs):
    return sorted(xs)[0], sorted(xs, key=k)[-1]  # HIT 2
