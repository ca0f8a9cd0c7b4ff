const a = xs.map(g).sort((a, b) => a - b)[0]; // HIT
