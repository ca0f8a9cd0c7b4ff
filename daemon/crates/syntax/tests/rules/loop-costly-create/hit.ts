function f(xs) {
  for (const x of xs) {
    out(new Intl.NumberFormat("de").format(x)); // HIT
  }
}
