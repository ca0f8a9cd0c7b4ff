class A {
    long f(int[] xs) {
        long sum = 0L;
        Long other = 0L;
        for (int x : xs) {
            sum += x;
            Long own = 1L;
            own += x;
        }
        other += 1;
        return sum;
    }
}
