def f(xs, ys, maybe):
    seen = set()
    small = ["a", "b"]
    found = []
    for x in xs:
        if x in seen or x in small or x in ys:
            seen.add(x)
        if "mark" in found:
            found.append(x)
        own = []
        if x in own:
            own.append(x)
        if x == 3:
            print(x in found)
            break
