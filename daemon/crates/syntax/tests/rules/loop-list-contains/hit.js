function f(xs) {
  const seen = [];
  for (const x of xs) {
    if (!seen.includes(x)) { // HIT
      seen.push(x);
    }
  }
}
