func f(s: String, n: Int) {
    for i in 0..<n {
        use(s.index(s.startIndex, offsetBy: i)) // HIT
    }
}
