def f(xs, ys):
    for x in xs:
        x.y = next((y for y in ys if y.id == x.id), None)  # HIT

def joined(orders, customers, by_kind):
    for order in orders:
        order["customer"] = next((c for c in customers if c["id"] == order["customer_id"]), None)  # HIT
        order["other"] = next(c for c in customers if order["id"] == c.get("id"))  # HIT
    for number, order in enumerate(orders):
        use(order, next((c for c in customers if c.row == number), None))  # HIT
    for key, order in orders.items():
        use(order, next((c for c in customers if c.key == key.lower()), None))  # HIT
        use(next((c.name for c in customers if c.id == by_kind[order.kind]), ""))  # HIT
    return [next((c for c in customers if c.id == order.id), None) for order in orders]
