std::string f(const V& xs) {
  std::string s;
  int n = 0;
  for (const auto& x : xs) {
    s += x;
    n = n + 1;
    std::string own = "a";
    own = own + x;
  }
  return s;
}
