void f(const std::vector<std::string>& v) {
  for (const std::string s : v) { // HIT
    use(s.size());
  }
  std::map<std::string, int> m;
  for (const std::pair<std::string, int>& p : m) { // HIT
    use(p.second);
  }
}
