def f(xs, base):
    mine = copy.deepcopy(base)
    for x in xs:
        use(copy.deepcopy(x), mine)
