size_t f(const std::string s) { // HIT
  return 1 + s.size();
}
