class A {
    void f() {
        LinkedList<String> xs = new LinkedList<>();
        for (int i = 0; i < xs.size(); i++) {
            use(xs.get(i)); // HIT
        }
    }
}
