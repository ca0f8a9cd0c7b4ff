size_t f(const std::string& s, std::string moved, std::string changed, int n) {
  keep = std::move(moved);
  changed += "a";
  return s.size() + n;
}
struct Kept {
  Kept(std::vector<int> kept) : kept(std::move(kept)) { for (auto k : kept) count++; }
};
