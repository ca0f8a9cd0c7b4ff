int f(std::map<int, int>& m, std::map<int, int>& n, int k) {
  if (m.find(k) != m.end()) {
    return n[k];
  }
  if (m.find(k) == m.end()) {
    m[k] = 1;
  }
  return 0;
}
