const a = xs.filter((x) => x.id === id)[0]; // HIT
