const a = xs.find((x) => x.id === id);
const b = $(sel).filter(".a")[0];
const c = xs.filter((x) => x.id)[1];
const d = [one].filter((x) => x)[0];
