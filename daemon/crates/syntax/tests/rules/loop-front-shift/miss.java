class A {
    void f(List<String> xs) {
        List<String> work = new LinkedList<>();
        while (!work.isEmpty()) {
            work.remove(0);
            xs.remove(x);
        }
    }
}
