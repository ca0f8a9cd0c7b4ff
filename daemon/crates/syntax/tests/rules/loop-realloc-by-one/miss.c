void f(int *p, int n) {
  int c = 0, m = 8;
  while (n--) {
    if (c == m) {
      m *= 2;
      p = realloc(p, (m + 1) * sizeof(int));
    }
    p[c++] = n;
  }
}
