class A {
    void f() {
        List<String> work = new ArrayList<>();
        while (!work.isEmpty()) {
            work.remove(0); // HIT
        }
    }
}
