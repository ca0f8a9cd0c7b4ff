function f(s) {
  if (s === "a") { g(0); } // HIT
  else if (s === "b") { g(1); }
  else if (s === "c") { g(2); }
  else if (s === "d") { g(3); }
  else if (s === "e") { g(4); }
  else if (s === "f") { g(5); }
  else if (s === "g") { g(6); }
  else if (s === "h") { g(7); }
  else if (s === "i") { g(8); }
  else if (s === "j") { g(9); }
}
