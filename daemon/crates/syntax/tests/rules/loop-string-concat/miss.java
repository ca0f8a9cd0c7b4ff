class A {
    String f(List<String> xs) {
        StringBuilder s = new StringBuilder();
        int n = 0;
        String last = "";
        for (String x : xs) {
            s.append(x);
            n += 1;
            String own = "";
            own += x;
            last = x + "!";
            if (bad(x)) {
                last += x;
                return last;
            }
        }
        return s.toString();
    }
}
