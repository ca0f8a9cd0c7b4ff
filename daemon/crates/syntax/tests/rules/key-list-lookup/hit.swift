func f(m: [String: Int], x: String) -> Bool {
    return Array(m.keys).contains(x) // HIT
}
