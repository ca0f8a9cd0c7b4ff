class A {
    static final Pattern P = Pattern.compile("^a+$");
    A() { Pattern q = Pattern.compile("b"); }
    boolean ok(String s) { return Pattern.compile(s).matcher(s).matches(); }
}
