void f(char *s) {
  for (size_t i = 0; i < strlen(s); i++) { // HIT
    s[i] = g(s[i]);
  }
}
