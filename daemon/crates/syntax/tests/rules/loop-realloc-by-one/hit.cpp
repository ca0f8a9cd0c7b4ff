void f(int *p, int n) {
  int c = 0;
  while (n--) {
    p = (int *)realloc(p, (c + 1) * sizeof(int)); // HIT
  }
}
