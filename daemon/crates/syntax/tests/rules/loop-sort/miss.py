def f(xs, ys):
    for y in ys:
        own = list(y)
        own.sort()
        print(sorted(y))
    xs.sort()
