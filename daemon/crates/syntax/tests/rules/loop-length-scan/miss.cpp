void f(const std::string& s) {
  for (size_t i = 0; i < s.size(); i++) {
    g(s[i]);
  }
}
