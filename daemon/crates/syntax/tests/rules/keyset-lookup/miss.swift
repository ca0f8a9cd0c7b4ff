func f(m: [String: Int], n: [String: Int]) {
    for (k, v) in m {
        print(n[k], v)
    }
}
