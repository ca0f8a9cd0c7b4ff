function f(ys) {
  for (const y of ys) {
    const own = y.list.slice();
    own.sort();
    y.sort();
  }
}
