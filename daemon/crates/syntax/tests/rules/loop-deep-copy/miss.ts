type Base = { n: number; parts: any };

function steady(xs: number[], base: Base) {
  for (const x of xs) {
    use(structuredClone(x), JSON.parse(base));
  }
}

function element(xs: number[], base: Base) {
  for (const x of xs) {
    const y = structuredClone(base) as Base;
    y[x] = 1;
    const z: Base = JSON.parse(JSON.stringify(base));
    z.parts!.x = x;
    const w = cloneDeep(base);
    w.n++;
    const v = cloneDeep(base);
    v.n += x;
    const u = cloneDeep(base);
    delete u[x];
    const t = cloneDeep(base);
    (t as Base).n = x;
  }
}

function method(xs: number[], base: Base) {
  for (const x of xs) {
    const y = structuredClone(base);
    y.push(x);
    const z = structuredClone(base);
    z.parts!.set(x, 1);
  }
}

function passedOn(xs: number[], base: Base) {
  for (const x of xs) {
    const y = structuredClone(base);
    fill(x, y as Base);
    const z = structuredClone(base);
    fill(x, z.parts);
    fill(x, JSON.parse(JSON.stringify(base)));
    fill(x, { ...structuredClone(base) });
  }
}

function returned(xs: number[], base: Base) {
  const all = xs.map((x) => structuredClone(base));
  for (const x of all) {
    const y = structuredClone(base);
    if (x) return y!;
  }
}

function kept(xs: number[], base: Base, out: Base[]) {
  for (const x of xs) {
    const y = structuredClone(base);
    out.push({ x, y });
    out.push(structuredClone(base));
    out[x] = structuredClone(base);
  }
}

function byAnotherName(xs: number[], base: Base) {
  for (const x of xs) {
    const y = structuredClone(base);
    const z = y.parts;
    z.push(x);
    const { parts } = structuredClone(base);
    parts.push(x);
  }
}

function goneOver(xs: number[], base: Base) {
  for (const x of xs) {
    const y = structuredClone(base);
    for (const part of y.parts) part.push(x);
    const z = structuredClone(base);
    later(() => z);
  }
}

function changes(xs: number[], state: Base) {
  for (const x of xs) {
    const before = structuredClone(state);
    step(x, state);
    if (before.n === state.n) break;
  }
}

function changesByAnotherName(xs: number[], state: Base) {
  const parts = state.parts;
  for (const x of xs) {
    const before = structuredClone(state);
    parts.push(x);
    if (before.n === x) break;
  }
}
