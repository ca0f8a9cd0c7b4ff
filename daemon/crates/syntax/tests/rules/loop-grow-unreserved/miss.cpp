void f(const std::vector<int>& xs) {
  std::vector<int> out;
  out.reserve(xs.size());
  for (int x : xs) {
    out.push_back(x);
  }
}
