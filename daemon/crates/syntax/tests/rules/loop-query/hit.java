class A {
    void f(List<Long> ids) {
        for (Long id : ids) {
            userRepository.findById(id); // HIT
        }
    }
}
