void f(const V& xs) {
  for (const auto& x : xs) {
    std::regex re("a+"); // HIT
    auto other = std::regex("b"); // HIT
  }
}
