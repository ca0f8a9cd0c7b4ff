void f(std::deque<int> work, std::vector<int> v) {
  while (!work.empty()) {
    work.erase(work.begin());
    v.erase(v.begin() + 1);
  }
}
