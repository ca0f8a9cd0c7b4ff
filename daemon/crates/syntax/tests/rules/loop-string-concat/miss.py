def f(xs, s):
    n = 0
    for x in xs:
        n += x
        s += x
        line = ""
        line += "a"
