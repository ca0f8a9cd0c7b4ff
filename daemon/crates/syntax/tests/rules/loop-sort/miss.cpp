void f(std::vector<std::vector<int>> ys) {
  for (auto& y : ys) {
    std::sort(y.begin(), y.end());
  }
}
