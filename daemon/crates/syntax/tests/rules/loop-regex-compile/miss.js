function f(xs) {
  const r = new RegExp("a+");
  for (const x of xs) {
    new RegExp(x).test(x);
    r.test(x);
  }
}
