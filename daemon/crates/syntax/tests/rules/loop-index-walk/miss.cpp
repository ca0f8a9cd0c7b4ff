void f(int n) {
  std::vector<int> xs;
  std::list<int> ys;
  for (int i = 0; i < n; i++) {
    use(*std::next(xs.begin(), i), *std::next(ys.begin(), 1));
  }
}
