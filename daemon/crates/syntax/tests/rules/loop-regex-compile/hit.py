def f(xs):
    for x in xs:
        r = re.compile("a+")  # HIT
        r.match(x)
