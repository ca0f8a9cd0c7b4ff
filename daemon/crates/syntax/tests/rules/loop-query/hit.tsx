async function f(ids) {
  for (const id of ids) {
    const r = await fetch(`/a/${id}`); // HIT
    const u = await User.findOne({ id }); // HIT
  }
}
