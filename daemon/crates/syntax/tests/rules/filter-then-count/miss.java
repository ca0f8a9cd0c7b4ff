class A { boolean f(List<X> xs) { return xs.stream().filter(x -> x.bad()).count() > 7; } }
