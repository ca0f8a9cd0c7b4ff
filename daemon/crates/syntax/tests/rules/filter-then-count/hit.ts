if (xs.filter((x) => x.bad).length > 0) stop(); // HIT
const none = xs.filter(function (x) { return x.bad; }).length === 0; // HIT
