func f(xs: [Int]) -> [Int] {
    var out: [Int] = []
    for x in xs {
        out += [x]
        out.append(x)
    }
    return out
}
