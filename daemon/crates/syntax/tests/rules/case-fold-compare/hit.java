class A { boolean f(String a, String b) { return a.toLowerCase().equals(b.toLowerCase()); } } // HIT
