void f(int *p, int n) {
  while (n--) {
    p = (int *)realloc(p, n * 2 * sizeof(int));
  }
}
