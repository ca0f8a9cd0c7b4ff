void f(const std::vector<std::string>& v, const std::vector<int>& n) {
  for (const std::string& s : v) {
    use(s.size());
  }
  for (const int i : n) {
    use(i);
  }
  std::map<std::string, int> m;
  for (const std::pair<const std::string, int>& p : m) {
    use(p.second);
  }
}
