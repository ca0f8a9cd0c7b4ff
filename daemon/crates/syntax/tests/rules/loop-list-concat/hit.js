function f(xs) {
  let out = [];
  for (const x of xs) {
    out = [...out, x]; // HIT
    out = out.concat(x); // HIT
  }
  return out;
}
