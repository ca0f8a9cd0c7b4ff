std::string f(const V& xs) {
  std::string s;
  for (const auto& x : xs) {
    s = s + x; // HIT
  }
  return s;
}
