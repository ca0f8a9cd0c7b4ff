class A {
    long f(int[] xs) {
        Long sum = 0L;
        for (int x : xs) {
            sum += x; // HIT
        }
        return sum;
    }
}
