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
