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

function heldByAnother(board) {
  const solver = new Solver(board);
  for (;;) {
    const before = structuredClone(board);
    solver.step();
    if (before.score === board.score) break;
  }
}

async function changedWhileItWaits(board) {
  for (;;) {
    const before = structuredClone(board);
    await sleep(1);
    if (JSON.stringify(before) === JSON.stringify(board)) break;
    const then = cloneDeep(board);
    await null;
    if (then.score > 3) break;
  }
}

function* changedWhileItYields(board) {
  for (;;) {
    const before = structuredClone(board);
    yield;
    if (before.score > 3) break;
  }
}

function comparedWithItself(times, base) {
  for (let i = 0; i < times; i++) {
    const twin = structuredClone(base);
    console.assert(twin.n === base.n);
    if (structuredClone(base).n !== base.n) throw new Error("differs");
  }
}

function dispatched(store, actions, state) {
  for (const action of actions) {
    const before = JSON.parse(JSON.stringify(state));
    store.dispatch(action);
    if (before.n > 3) break;
    const then = cloneDeep(state);
    new Step(action);
    if (then.n > 3) break;
  }
}

function shownInTheConsole(actions, state) {
  for (const action of actions) {
    console.log(action, JSON.parse(JSON.stringify(state)));
    const now = structuredClone(state);
    console.log(now);
    console.log(now.parts);
  }
}

function changedByAnIterator(steps, grid) {
  for (let i = 0; i < 100; i++) {
    const old = structuredClone(grid);
    for (const step of steps) {
      if (old.changed) count(step);
    }
  }
}

function tagged(items, base) {
  const rows = items.map((i) => html`<x-row .state=${structuredClone(base)}></x-row>`);
  for (const i of items) {
    const own = structuredClone(base);
    rows.push(css`a { b: ${own} }`);
  }
  return rows;
}

function twoNames(xs, base) {
  let a, b;
  for (const x of xs) {
    a = b = structuredClone(base);
    a.push(x);
    console.log(`${b}`);
  }
}

function namedInAnExpression(xs, base) {
  let mine;
  for (const x of xs) {
    if ((mine = structuredClone(base)).n > x) mine.n = x;
  }
}

function readInALaterRound(steps, state) {
  let before = structuredClone(state);
  for (const step of steps) {
    if (before.n > step.n) break;
    step.run();
    before = structuredClone(state);
  }
}

function madeUnderACondition(steps, state) {
  for (const step of steps) {
    if (step.first) var before = structuredClone(state);
    step.run();
    if (before.n > 3) break;
  }
}

function readInAClosure(steps, state) {
  for (const step of steps) {
    const before = structuredClone(state);
    const changed = () => before.n > step.n;
    step.when(changed);
    step.on = () => before.n;
  }
}

function chosen(xs, base, special, out) {
  for (const x of xs) {
    out.push(x ? structuredClone(base) : special);
    out.push(special ?? structuredClone(base));
    out.push(...structuredClone(base.parts), x);
  }
}

function merged(xs, base) {
  const rows = Array.from({ length: 3 }, () => structuredClone(base));
  return rows.concat(xs.map((x) => Object.assign(structuredClone(base), { x })));
}
