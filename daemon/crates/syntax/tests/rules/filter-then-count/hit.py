def f(xs):
    return len([x for x in xs if x > 1]) > 0  # HIT
