class A {
    boolean ok(String s) {
        return Pattern.compile("^a+$").matcher(s).matches(); // HIT
    }
}
