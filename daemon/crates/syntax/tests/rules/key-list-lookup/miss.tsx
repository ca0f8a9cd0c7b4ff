if (Object.hasOwn(o, k) || xs.includes(k) || Object.keys(o).length) go();
