type Limits = { limit: number; limits: number[] };

function over(xs: number[], base: Limits) {
  for (const x of xs) {
    const y: Limits = JSON.parse(JSON.stringify(base)); // HIT
    if (y.limit > x) console.log(`over ${y.limit}`);
  }
}

function part(xs: number[], base: Limits) {
  for (const x of xs) {
    if (structuredClone(base).limit > x) break; // HIT
  }
}

function own(xs: number[]) {
  const base = load();
  base.limit = 1;
  xs.forEach((x) => {
    const mine = cloneDeep(base) as Limits; // HIT
    while (mine.limits![0] === x) console.log(mine?.limit, JSON.stringify(mine));
  });
}
