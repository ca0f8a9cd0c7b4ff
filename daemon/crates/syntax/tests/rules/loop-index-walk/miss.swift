func f(s: String, xs: [Int], n: Int) {
    for c in s {
        use(c)
    }
    for i in 0..<n {
        use(xs.index(xs.startIndex, offsetBy: i))
    }
}
