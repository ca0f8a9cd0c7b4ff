void f(int n) {
  std::list<int> xs;
  for (int i = 0; i < n; i++) {
    use(*std::next(xs.begin(), i)); // HIT
  }
}
