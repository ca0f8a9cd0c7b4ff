function f(queue) {
  const work = [];
  while (work.length) {
    work.pop();
    queue.shift();
  }
  work.shift();
}
