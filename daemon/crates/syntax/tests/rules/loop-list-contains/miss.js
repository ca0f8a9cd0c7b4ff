function f(xs, text) {
  const seen = new Set();
  let s = "";
  const names = [];
  for (const x of xs) {
    if (!seen.has(x) && s.includes(x) && text.includes(x)) seen.add(x);
    if (names.includes("fixed")) names.push("fixed");
  }
}
