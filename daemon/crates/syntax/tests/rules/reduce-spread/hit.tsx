const a = xs.reduce((acc, x) => ({ ...acc, [x.id]: x }), {}); // HIT
const b = xs.reduce((acc, x) => [...acc, x.id], []); // HIT
const c = xs.reduce((acc, x) => acc.concat(x.list), []); // HIT
