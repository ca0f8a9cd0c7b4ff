function steady(xs, base) {
  for (const x of xs) {
    use(structuredClone(x), JSON.parse(base));
  }
}

function element(xs, base) {
  for (const x of xs) {
    const y = structuredClone(base);
    y[x] = 1;
    const z = JSON.parse(JSON.stringify(base));
    z.parts.x = x;
    const w = cloneDeep(base);
    w.n++;
    const v = cloneDeep(base);
    v.n += x;
    const u = cloneDeep(base);
    delete u[x];
  }
}

function method(xs, base) {
  for (const x of xs) {
    const y = structuredClone(base);
    y.push(x);
    const z = structuredClone(base);
    z.parts.set(x, 1);
    if (structuredClone(base).add(x)) break;
  }
}

function passedOn(xs, base) {
  for (const x of xs) {
    const y = structuredClone(base);
    fill(x, y);
    const z = structuredClone(base);
    fill(x, z.parts);
    fill(x, JSON.parse(JSON.stringify(base)));
    fill(x, { ...structuredClone(base) });
    const w = structuredClone(base);
    Object.assign(w, x);
    new Filler(structuredClone(base));
  }
}

function returned(xs, base) {
  const all = xs.map((x) => structuredClone(base));
  for (const x of all) {
    const y = structuredClone(base);
    if (x) return y;
  }
}

function kept(xs, base, out) {
  for (const x of xs) {
    const y = structuredClone(base);
    out.push({ x, y });
    out.push(structuredClone(base));
    out[x] = structuredClone(base);
    const z = structuredClone(base);
    out.push([...z]);
  }
}

function byAnotherName(xs, base) {
  for (const x of xs) {
    const y = structuredClone(base);
    const z = y.parts;
    z.push(x);
    const { parts } = structuredClone(base);
    parts.push(x);
    let w = structuredClone(base);
    w = w || x;
  }
}

function goneOver(xs, base) {
  for (const x of xs) {
    const y = structuredClone(base);
    for (const part of y) part.push(x);
    const z = structuredClone(base);
    later(() => z);
  }
}

function changes(xs, state) {
  for (const x of xs) {
    const before = structuredClone(state);
    step(x, state);
    if (before.n === state.n) break;
  }
}

function changesByAnotherName(xs, state) {
  const parts = state.parts;
  for (const x of xs) {
    const before = structuredClone(state);
    parts.push(x);
    if (before.n === x) break;
  }
}
