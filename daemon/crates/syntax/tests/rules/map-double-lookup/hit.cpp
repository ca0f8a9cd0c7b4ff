int f(std::map<int, int>& m, int k) {
  if (m.find(k) != m.end()) { // HIT
    return m[k];
  }
  return 0;
}
