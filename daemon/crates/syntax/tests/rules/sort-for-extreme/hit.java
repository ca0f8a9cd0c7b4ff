class A { Object f(List<X> xs) { return xs.stream().sorted().findFirst(); } } // HIT
