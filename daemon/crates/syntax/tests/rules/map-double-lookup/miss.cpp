int f(std::map<int, int>& m, std::map<int, int>& n, int k) {
  if (m.find(k) != m.end()) {
    return n[k];
  }
  if (m.find(k) == m.end()) {
    m[k] = 1;
  }
  return 0;
}

void g(std::map<std::string, Row>& rows, std::map<int, int>& seen, std::string k, int n) {
  auto found = rows.find(k);
  if (found != rows.end()) {
    use(found->second);
  }
  if (rows.count(k)) {
    rows.erase(k);
    rows[k] = Row(n);
  }
  if (seen.count(n)) {
    ++n;
    use(seen[n]);
  }
  if (seen.find(n) != seen.end()) {
    n += 1;
    use(seen.at(n));
  }
  if (rows.contains(k)) {
    rows.clear();
    use(rows[k]);
  }
  if (rows.contains(k)) {
    return;
  }
  rows[k] = Row(n);
}
