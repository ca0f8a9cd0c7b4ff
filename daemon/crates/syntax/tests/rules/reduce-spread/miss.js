const a = xs.reduce((acc, x) => { acc[x.id] = x; return acc; }, {});
const b = xs.reduce((sum, x) => sum + x, 0);
const c = xs.reduce((acc, x) => ({ ...x }), {});
