func f(xs: [Int]) -> Bool {
    return xs.isEmpty || xs.contains { $0 > 1 } || xs.map { $0 }.isEmpty
}
