void f(const std::vector<int>& ys) {
  std::vector<int> best;
  for (int y : ys) {
    best.push_back(y);
    std::sort(best.begin(), best.end()); // HIT
  }
}
