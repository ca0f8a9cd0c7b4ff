const a = xs.map(g).sort((a, b) => a - b)[1];
const b = sort(xs)[0];
