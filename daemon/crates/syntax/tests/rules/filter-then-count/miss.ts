if (xs.some((x) => x.bad)) stop();
if (xs.filter((x) => x.bad).length > 3) stop();
const n = xs.filter((x) => x.bad).length;
