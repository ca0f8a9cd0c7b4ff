func f(m: [String: Int]) {
    for k in m.keys {
        print(m[k]) // HIT
    }
}
