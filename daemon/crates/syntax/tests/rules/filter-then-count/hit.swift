func f(xs: [Int]) -> Bool {
    return xs.filter { $0 > 1 }.isEmpty // HIT
}
