void f(const V& xs) {
  for (const auto& x : xs) {
    std::cout << x << std::endl; // HIT
  }
}
