function over(xs, base) {
  for (const x of xs) {
    const y = JSON.parse(JSON.stringify(base)); // HIT
    if (y.limit > x) console.log(`over ${y.limit}`);
  }
}

function part(xs, base) {
  for (const x of xs) {
    if (structuredClone(base).limit > x && y) break; // HIT
  }
}

function own(xs) {
  const base = load();
  base.limit = 1;
  xs.forEach((x) => {
    const mine = _.cloneDeep(base); // HIT
    while (mine["limits"][0] === x) console.log(mine?.limit, JSON.stringify(mine));
  });
}
