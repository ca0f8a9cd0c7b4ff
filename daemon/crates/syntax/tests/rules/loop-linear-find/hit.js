function f(xs) {
  const ys = load().map((y) => y);
  for (const x of xs) {
    x.y = ys.find((y) => y.id === x.yId); // HIT
  }
}
