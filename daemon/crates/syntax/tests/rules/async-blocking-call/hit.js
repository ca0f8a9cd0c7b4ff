async function f(path) {
  return fs.readFileSync(path); // HIT
}
const g = async () => {
  execSync("ls"); // HIT
};
