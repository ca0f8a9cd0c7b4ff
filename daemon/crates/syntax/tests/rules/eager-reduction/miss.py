async def f(xs):
    return any(x > 1 for x in xs), ",".join([str(x) for x in xs]), all(xs), any([await g(x) for x in xs])
