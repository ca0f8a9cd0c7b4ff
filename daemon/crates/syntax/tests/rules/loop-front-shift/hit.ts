function f() {
  const work = [];
  work.push(1);
  while (work.length) {
    work.shift(); // HIT
  }
}
