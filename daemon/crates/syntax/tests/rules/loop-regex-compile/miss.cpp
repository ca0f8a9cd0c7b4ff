void f(const V& xs) {
  std::regex re("a+");
  for (const auto& x : xs) {
    static const std::regex once("b");
    std::regex own(x);
  }
}
