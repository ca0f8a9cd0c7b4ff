void f(const std::vector<int>& xs) {
  std::vector<int> out;
  for (int x : xs) {
    out.push_back(x); // HIT
  }
}
