void f(char *out, char **xs, int n) {
  for (int i = 0; i < n; i++) {
    strcat(out, xs[i]); // HIT
  }
}
