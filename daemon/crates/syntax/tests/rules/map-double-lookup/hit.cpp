int f(std::map<int, int>& m, int k) {
  if (m.find(k) != m.end()) { // HIT
    return m[k];
  }
  return 0;
}

void g(std::map<std::string, Row>& rows, std::unordered_map<int, int>* seen, const std::string& k, int n) {
  if (rows.count(k)) { // HIT
    rows[k].add(n);
  }
  if (rows.contains(k)) { // HIT
    use(rows.at(k), n);
    rows.erase(k);
  }
  if (rows.find(k) != rows.end()) { // HIT
    const bool same = k == "x";
    use(rows.at(k), same);
  }
}
