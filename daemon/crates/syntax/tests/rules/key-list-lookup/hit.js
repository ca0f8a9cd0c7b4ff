if (Object.keys(o).includes(k)) go(); // HIT
