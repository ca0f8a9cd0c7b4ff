void f(const V& xs) {
  for (const auto& x : xs) {
    std::cout << x << '\n';
    std::cerr << x << std::endl;
    if (bad(x)) {
      std::cout << "bad" << std::endl;
      return;
    }
  }
  std::cout << std::endl;
}
