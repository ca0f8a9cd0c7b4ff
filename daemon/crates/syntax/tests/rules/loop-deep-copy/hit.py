def over(xs, base):
    for x in xs:
        y = copy.deepcopy(base)  # HIT
        if y["limit"] > x:
            print(x, len(y))


def part(xs, base):
    for x in xs:
        if x + deepcopy(base)["limit"] > 7:  # HIT
            print(x)
        if deepcopy(base).limit > x and x in base.names:  # HIT
            break


def own(xs):
    base = load()
    base["limit"] = 1
    for x in xs:
        mine: dict = copy.deepcopy(base)  # HIT
        while mine.get("limit") == f"{x} of {mine.limit}":
            print("same")


def key(rows, base, prices):
    for row in rows:
        item = copy.deepcopy(base)  # HIT
        if prices[item["sku"]] > row.most:
            row.mark()


def changed_after_it_was_read(xs, base):
    for x in xs:
        mine = copy.deepcopy(base)  # HIT
        logger.debug("limit of %s", x)
        count = 0
        while count < len(mine["parts"]):
            count += 1
        if mine["limit"] > count:
            base.append(x)


def among_conditions(users, policy):
    allowed = 0
    for user in users:
        if not user.active:
            continue
        rules = copy.deepcopy(policy)  # HIT
        if user.role in rules["roles"] and not rules.get("closed"):
            allowed += 1
    return allowed


def asked_for_its_kind(rows, schema):
    for row in rows:
        mine = copy.deepcopy(schema)  # HIT
        assert isinstance(mine, dict)
        if any(mine["keys"]) or "id" in mine.keys():
            row.check()


def in_a_while(queue, options):
    while queue:
        job = queue.pop()
        own = copy.deepcopy(options)  # HIT
        limit = 3 if own["strict"] else 10
        job.run(limit)


def as_text(names, config):
    for name in names:
        text = json.dumps(copy.deepcopy(config))  # HIT
        send(name, text)


async def before_it_waits(clients, message):
    async for client in clients:
        own = copy.deepcopy(message)  # HIT
        text = f"{client.id}: {own['text']}"
        await client.send(text)
