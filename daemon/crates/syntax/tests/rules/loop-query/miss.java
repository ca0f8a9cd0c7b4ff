class A {
    void f(List<Long> ids) {
        userRepository.findAllById(ids);
        for (Long id : ids) {
            cache.findById(id);
        }
    }
}
