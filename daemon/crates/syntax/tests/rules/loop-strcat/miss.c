void f(char *out, char **xs, int n) {
  for (int i = 0; i < n; i++) {
    strcpy(out, "a");
    strcat(out, xs[i]);
    char own[9] = "";
    strcat(own, xs[i]);
  }
}
