func f(xs: [String]) -> String {
    var s = ""
    for x in xs {
        s = s + x // HIT
    }
    return s
}
