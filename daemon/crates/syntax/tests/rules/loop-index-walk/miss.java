class A {
    void f(LinkedList<String> ys) {
        ArrayList<String> xs = new ArrayList<>();
        for (int i = 0; i < xs.size(); i++) {
            use(xs.get(i), ys.get(0));
        }
    }
}
