func f(s: [Int], t: String) {
    var i = 0
    while i < s.count {
        i += t.count
    }
}
