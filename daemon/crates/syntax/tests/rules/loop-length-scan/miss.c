void f(char *s, char *t) {
  for (size_t i = 0, n = strlen(s); i < n; i++) {
    s[i] = g(s[i], strlen(t));
  }
  while (strlen(t) > 3) {
    t++;
  }
}
