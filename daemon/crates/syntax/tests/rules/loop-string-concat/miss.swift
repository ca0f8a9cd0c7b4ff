func f(xs: [String]) -> String {
    var s = ""
    for x in xs {
        s += x
        let t = s + x
    }
    return s
}
