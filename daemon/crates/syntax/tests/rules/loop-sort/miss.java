class A {
    void f(List<List<Integer>> ys) {
        for (List<Integer> y : ys) {
            y.sort(null);
            Arrays.sort(y);
        }
    }
}
