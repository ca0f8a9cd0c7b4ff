function f(xs, base) {
  for (const x of xs) {
    use(structuredClone(x), JSON.parse(base));
  }
}
