class A { boolean f(String a, String b) { return a.equalsIgnoreCase(b) || a.toLowerCase().equals("x"); } }
