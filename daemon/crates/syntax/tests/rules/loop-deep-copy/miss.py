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


def held_by_another(board):
    solver = Solver(board)
    while True:
        before = copy.deepcopy(board)
        solver.step()
        if before == board:
            break


async def changed_while_it_waits(board):
    while True:
        before = copy.deepcopy(board)
        await asyncio.sleep(1)
        if before == board:
            break


def changed_while_it_yields(board):
    while True:
        before = copy.deepcopy(board)
        yield
        if before["score"] > 3:
            break


def compared_with_itself(times, base):
    for _ in range(times):
        twin = copy.deepcopy(base)
        assert twin == base
        assert copy.deepcopy(base) == base
        assert json.dumps(twin) == json.dumps(base)


def told_after_a_step(env, actions, state):
    for action in actions:
        before = copy.deepcopy(state)
        env.apply(action)
        print("before", before)


def changed_in_an_inner_loop(solver, grid):
    for _ in range(100):
        old = copy.deepcopy(grid)
        for step in solver.steps:
            if old["changed"]:
                print(step)


def changed_between_two_readings(solver, grid):
    while solver:
        old = copy.deepcopy(grid)
        while old["n"] > 3:
            solver.step()


def copied_under_a_lock(names, shared, lock):
    for name in names:
        with lock:
            mine = copy.deepcopy(shared)
            if mine["done"]:
                break
        print(name, mine["n"])


def read_under_a_lock(names, shared, lock):
    for name in names:
        mine = copy.deepcopy(shared)
        with lock:
            if mine["n"] == name:
                print(mine["n"])


def read_in_a_later_round(steps, state):
    for step in steps:
        if step.first:
            before = copy.deepcopy(state)
        step.run()
        if step.last and before["n"] > 3:
            print(before)


def read_after_the_loop(steps, state):
    for step in steps:
        last = copy.deepcopy(state)
        step.run()
    return len(last["n"])


def read_in_a_closure(steps, state):
    for step in steps:
        before = copy.deepcopy(state)

        def changed():
            return before["n"] > step.n

        step.when(changed)


def merged(overrides, defaults, out):
    for o in overrides:
        out.append(copy.deepcopy(defaults) | o)


def joined(xs, prefix, out):
    for x in xs:
        out.append(copy.deepcopy(prefix) + [x])
        row = [x] + copy.deepcopy(prefix)
        row.append(x)
        out.append(copy.deepcopy(prefix) * 2)
        base = copy.deepcopy(prefix)
        out.append(x & base)


def turned(xs, q, out):
    for x in xs:
        out.append(~copy.deepcopy(q))
        out.append(x - copy.deepcopy(q))


def in_one_of_two(xs, defaults, special, out):
    for x in xs:
        out.append(copy.deepcopy(defaults) if x else special)
        out.append(special or copy.deepcopy(defaults))


def two_names(xs, base):
    for x in xs:
        a = b = copy.deepcopy(base)
        a.append(x)
        print(b)


def kept_as_a_key(xs, base, seen):
    for x in xs:
        seen[copy.deepcopy(base)] = x
        mine = copy.deepcopy(base)
        seen[mine] = x


def best_of(xs, base):
    best = None
    for x in xs:
        best = max(best, copy.deepcopy(base), key=x.score)
    return best


def named_in_an_expression(xs, base):
    for x in xs:
        if (mine := copy.deepcopy(base))["n"] > x:
            mine["n"] = x


def added_to(xs, base, out):
    for x in xs:
        out += copy.deepcopy(base)
        out["all"] += [copy.deepcopy(base)]


def rows_of(n, zeros):
    grid = [copy.deepcopy(zeros) for _ in range(n)]
    by_name = {name: copy.deepcopy(zeros) for name in grid}
    return grid, by_name


class Sampler:
    def run(self, steps, state):
        for step in steps:
            previous = copy.deepcopy(state)
            self.advance()
            if previous.energy > step.limit:
                self.reject()

    def until_settled(self, labels):
        moved = True
        while moved:
            old = copy.deepcopy(labels)
            self.assign()
            moved = any(a != b for a, b in zip(old, labels))
