def over(xs, base):
    for x in xs:
        y = copy.deepcopy(base)  # HIT
        if y["limit"] > x:
            print(x, len(y))


def part(xs, base):
    total = 0
    for x in xs:
        total = max(total, x + deepcopy(base)["limit"])  # HIT
        if deepcopy(base).limit > x and x in base.names:  # HIT
            break
    return total


def own(xs):
    base = load()
    base["limit"] = 1
    for x in xs:
        mine: dict = copy.deepcopy(base)  # HIT
        while mine.get("limit") == f"{x} of {mine.limit}":
            print("same")
