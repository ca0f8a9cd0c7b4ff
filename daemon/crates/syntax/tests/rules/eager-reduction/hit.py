def f(xs):
    return any([x > 1 for x in xs]), sum([x * 2 for x in xs])  # HIT 2
