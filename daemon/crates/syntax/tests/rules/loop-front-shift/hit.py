def f(xs):
    work = list(xs)
    while work:
        print(work.pop(0))  # HIT
