size_t f(const std::string& s, std::string moved, std::string changed, int n) {
  keep = std::move(moved);
  changed += "a";
  return s.size() + n;
}
