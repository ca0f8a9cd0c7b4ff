TEMPLATE = {"id": 0, "parts": {}}


def steady(xs, base):
    mine = copy.deepcopy(base)
    for x in xs:
        use(copy.deepcopy(x), mine)


def element(xs, base):
    for x in xs:
        y = copy.deepcopy(base)
        y["x"] = x
        print(y["x"])


def element_of_part(xs):
    for x in xs:
        y: dict = deepcopy(TEMPLATE)
        y["parts"]["x"] = x


def attribute(xs, base):
    for x in xs:
        y = copy.deepcopy(base)
        y.limit = x


def added(xs, base):
    for x in xs:
        y = copy.deepcopy(base)
        y.limit += x
        z = copy.deepcopy(base)
        z |= x


def taken_out(xs, base):
    for x in xs:
        y = copy.deepcopy(base)
        del y[x]


def method(xs, base):
    for x in xs:
        if x.limited:
            y = base.part(x)
        else:
            y = copy.deepcopy(base)
        while y:
            y.remove_edge(x)


def method_of_part(xs, base):
    for x in xs:
        y = copy.deepcopy(base)
        y["xs"].append(x)
        z = copy.deepcopy(base)
        z.get("xs").append(x)


def passed_on(xs, base):
    for x in xs:
        y = copy.deepcopy(base)
        fill(x, y)
        z = copy.deepcopy(base)
        fill(x, of=z)
        fill(x, deepcopy(base))


def part_passed_on(xs, base):
    for x in xs:
        y = copy.deepcopy(base)
        fill(x, y["xs"])
        if fill(copy.deepcopy(base)["xs"]) > x:
            print(x)


def returned(xs, base):
    for x in xs:
        y = copy.deepcopy(base)
        if x:
            return y
        yield copy.deepcopy(base)


def kept(xs, base, out):
    for x in xs:
        y = copy.deepcopy(base)
        out.append(y)
        out.append(copy.deepcopy(base))
        out[x] = copy.deepcopy(base)
        z = copy.deepcopy(base)
        out[x] = [x, z]


def by_another_name(xs, base):
    for x in xs:
        y = copy.deepcopy(base)
        z = y["xs"]
        z.append(x)


def swapped(xs, sigma):
    for x in xs:
        a = copy.deepcopy(sigma)
        b = copy.deepcopy(a)
        for y in x:
            b[y] = a[y] + sigma[y]
            a, b = b, a


def gone_over(xs, base):
    for x in xs:
        y = copy.deepcopy(base)
        for part in y:
            part.append(x)


def in_closure(xs, base):
    for x in xs:
        y = copy.deepcopy(base)
        later(lambda: y)


def looked_at_before_it_changes(xs, state):
    for x in xs:
        before = copy.deepcopy(state)
        step(x, state)
        if before == state:
            break


def changed_in_place(xs, state):
    for x in xs:
        before = copy.deepcopy(state)
        state["xs"].append(x)
        if before == x:
            break


def changed_by_another_name(xs, state):
    parts = state["xs"]
    for x in xs:
        before = copy.deepcopy(state)
        parts.append(x)
        if before == x:
            break


def part_of_what_changes(xs, all):
    state = all["state"]
    for x in xs:
        before = copy.deepcopy(state)
        all["state"]["x"] = x
        if before == x:
            break


def best(xs, split):
    most, best = 0, split
    for x in xs:
        x.swap()
        if x.gain > most:
            best, most = copy.deepcopy(split), x.gain
    return best
