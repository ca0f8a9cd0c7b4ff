void f(std::vector<int> work) {
  while (!work.empty()) {
    work.erase(work.begin()); // HIT
  }
}
