func f(xs: [String]) {
    var seen: [String] = []
    for x in xs {
        if !seen.contains(x) { // HIT
            seen.append(x)
        }
    }
}
