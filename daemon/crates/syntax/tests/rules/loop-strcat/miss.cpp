void f(char *out, char **xs, int n) {
  strcat(out, xs[0]);
  for (int i = 0; i < n; i++) {
    out[0] = 0;
    strcat(out, xs[i]);
  }
}
