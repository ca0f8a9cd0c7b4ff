function f(ys) {
  const best = [];
  for (const y of ys) {
    best.push(y);
    best.sort(); // HIT
  }
}
