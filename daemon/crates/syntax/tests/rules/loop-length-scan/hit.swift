func f(s: String) {
    var i = 0
    while i < s.count { // HIT
        i += 1
    }
}
