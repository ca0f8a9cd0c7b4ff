def f(xs):
    s = ""
    for x in xs:
        s += str(x)  # HIT
    return s
