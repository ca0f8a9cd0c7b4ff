function f(xs) {
  let out = [];
  for (const x of xs) {
    out.push(x);
    const two = [...out, x];
    let own = [];
    own = [...own, x];
  }
  return out;
}
