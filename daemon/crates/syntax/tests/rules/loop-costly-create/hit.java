class A {
    void f(List<Date> ds) {
        for (Date d : ds) {
            out(new SimpleDateFormat("yyyy").format(d)); // HIT
        }
    }
}
