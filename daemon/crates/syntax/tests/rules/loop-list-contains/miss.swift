func f(xs: [String]) {
    var seen: Set<String> = []
    for x in xs {
        if !seen.contains(x) && x.contains("a") {
            seen.insert(x)
        }
    }
}
