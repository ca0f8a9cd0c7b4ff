function f(xs, base) {
  for (const x of xs) {
    use(x, JSON.parse(JSON.stringify(base))); // HIT
  }
}
