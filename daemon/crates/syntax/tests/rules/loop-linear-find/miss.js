function f(xs, id) {
  const ys = [];
  for (const x of xs) {
    x.y = x.list.find((y) => y.id === x.yId);
    x.z = ys.find((y) => y.id === id);
    x.w = ys.find((y) => y.ok(x));
    x.v = ys.some((y) => x.id.indexOf(y.prefix) === 0);
    x.u = ys.some((y) => y.start + x.length === x.end);
    x.t = ys.find((y) => y.id === x.ids[y.kind]);
  }
}

function keyOfAnother(others, items, selected, wanted) {
  for (const id of others) {
    const x = items.find((i) => i.id === selected);
    const y = items.find((i) => i["id"] === selected);
    const z = items.some((id) => id === wanted);
    use(id, x, y, z);
  }
  for (const { id: key } of others) {
    use(key, items.findIndex((i) => i.key.id === wanted.key));
  }
  for (const item of others) {
    use(item.name, items.find((item) => item.id === selected));
  }
  for (const [name, value] of Object.entries(others)) {
    use(value, items.some((i) => i.name === selected.name));
    use(name, items.find((i) => i.value === selected?.value));
  }
}

function known(xs, groups) {
  for (const x of xs) {
    const group = groups.get(x.group);
    x.first = group.find((y) => y.id === x.id);
    x.range = ["a", "b"].find((y) => y === x.kind);
    x.same = groups[x.n].some((y) => y.id === x.id);
    x.near = groups.list.find((y) => y.id < x.id);
    x.text = x.name.split(",").some((part) => part === x.id);
  }
  for (const x of xs) {
    const found = groups.find((g) => g.id === x.id);
    if (!found) throw new Error("none");
    return found;
  }
}
