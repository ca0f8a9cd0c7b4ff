void f(char *s) {
  if (strcmp(s, "a") == 0) { g(0); }
  else if (strcmp(s, "b") == 0) { g(1); }
  else if (strcmp(s, "c") == 0) { g(2); }
  else if (strcmp(s, "d") == 0) { g(3); }
  else if (strcmp(s, "e") == 0) { g(4); }
  else if (strcmp(s, "f") == 0) { g(5); }
  else if (strcmp(s, "g") == 0) { g(6); }
  else if (strcmp(s, "h") == 0) { g(7); }
  else if (strcmp(s, "i") == 0) { g(8); }
}
