class A {
    static final Pattern P = Pattern.compile("a+");
    void f(List<String> xs, Set<String> set) {
        for (String x : xs) {
            P.matcher(x);
            x.split(",");
            x.matches(other);
        }
    }
}
