func f(xs: [Int]) -> [Int] {
    var out: [Int] = []
    for x in xs {
        out = out + [x] // HIT
    }
    return out
}
