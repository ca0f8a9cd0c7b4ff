function f(xs) {
  const n = new Intl.NumberFormat("de");
  for (const x of xs) {
    out(n.format(x), new Intl.NumberFormat(x.locale));
  }
}
