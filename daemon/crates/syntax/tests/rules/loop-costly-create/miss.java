class A {
    void f(List<Date> ds, List<String> patterns) {
        SimpleDateFormat f = new SimpleDateFormat("yyyy");
        for (String p : patterns) {
            out(new SimpleDateFormat(p));
        }
    }
}
