def f(xs):
    return [x for x in xs][0], [x for x in xs if x][1], next(x for x in xs if x)
