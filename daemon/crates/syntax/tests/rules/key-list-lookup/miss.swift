func f(m: [String: Int], x: String) -> Bool {
    return m.keys.contains(x) || m[x] != nil
}
