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
