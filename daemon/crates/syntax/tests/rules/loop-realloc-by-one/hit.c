void f(int *p, int n) {
  int c = 0;
  while (n--) {
    p = realloc(p, (c + 1) * sizeof(int)); // HIT
    p[c++] = n;
  }
}
