function f(xs) {
  for (const x of xs) {
    new RegExp("a+").test(x); // HIT
  }
  xs.forEach((x) => {
    const r = new RegExp("b"); // HIT
  });
}
