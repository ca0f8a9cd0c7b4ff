def f(s):
    if s == "a":
        return 0
    elif s == "b":
        return 1
    elif s == "c":
        return 2
    elif s == "d":
        return 3
    elif s == "e":
        return 4
    elif s == "f":
        return 5
    elif s == "g":
        return 6
    elif s == "h":
        return 7
    elif s == "i":
        return 8
