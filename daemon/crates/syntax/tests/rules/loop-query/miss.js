async function f(ids, map) {
  await Promise.all(ids.map((id) => fetch(`/a/${id}`)));
  for (const id of ids) {
    map.get(id);
    list.push(fetch(id));
  }
  await fetch("/a");
}
