def f(xs):
    return len([x for x in xs if x > 1]) > 2 or len(xs) > 0
