function f(xs) {
  const ys = load().map((y) => y);
  for (const x of xs) {
    x.y = ys.find((y) => y.id === x.yId); // HIT
    x.z = ys.some(({ id }) => x.ids[0] === id); // HIT
    x.w = ys.findIndex((y) => y.path.key() === x.key); // HIT
  }
  for (const $x of xs) {
    $x.y = ys.find((y) => y.id === $x.id); // HIT
  }
}

function joined(orders, customers, byKind) {
  for (const order of orders) {
    order.customer = customers.find((customer) => customer.id === order.customerId); // HIT
  }
  for (const { customerId, lines } of orders) {
    use(lines, customers.find((c) => c.id === customerId)); // HIT
  }
  orders.forEach((order) => {
    order.known = customers.some((c) => order.customerId === c["id"]); // HIT
  });
  const named = orders.map((order, at) => customers.findIndex((c) => c.row === at)); // HIT
  for (const [id, order] of Object.entries(named)) {
    use(order, customers.find((c) => { return c.id === id; })); // HIT
  }
  for (let { id: key } of orders) {
    if (!customers.some((c) => c.key.toLowerCase() === key)) use(key); // HIT
  }
  for (const order of orders) {
    use(customers.find((c) => c.email === order.contact?.email.toLowerCase())); // HIT
    use(customers.find((c) => (c.id === byKind[order.kind]))); // HIT
  }
}
