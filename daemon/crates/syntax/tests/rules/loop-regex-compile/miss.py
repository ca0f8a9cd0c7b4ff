def f(xs):
    r = None
    for x in xs:
        if r is None:
            r = re.compile("a+")
        re.compile(x)
