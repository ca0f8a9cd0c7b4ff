def f(xs):
    seen = []
    for x in xs:
        if x not in seen:  # HIT
            seen.append(x)
    return [y for y in xs if y in seen]  # HIT
