function f(xs, id) {
  const ys = [];
  for (const x of xs) {
    x.y = x.list.find((y) => y.id === x.yId);
    x.z = ys.find((y) => y.id === id);
    x.w = ys.find((y) => y.ok(x));
  }
}
