class A { Object f(List<X> xs) { return xs.stream().sorted().limit(3); } }
