class A {
    void f(List<Integer> ys) {
        List<Integer> best = new ArrayList<>();
        for (Integer y : ys) {
            best.add(y);
            best.sort(null); // HIT
        }
    }
}
