def f(xs, ys):
    best = list(xs)
    for y in ys:
        best.append(y)
        best.sort()  # HIT
        print(sorted(xs))  # HIT
