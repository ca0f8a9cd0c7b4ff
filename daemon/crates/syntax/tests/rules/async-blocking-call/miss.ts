async function f(path) {
  return fs.promises.readFile(path);
}
function g(path) {
  return fs.readFileSync(path);
}
