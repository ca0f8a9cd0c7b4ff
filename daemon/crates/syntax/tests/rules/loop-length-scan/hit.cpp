void f(char *s) {
  size_t i = 0;
  while (i < strlen(s)) { // HIT
    g(s[i++]);
  }
}
