func f(ys: [Int]) {
    var best: [Int] = []
    for y in ys {
        best.append(y)
        best.sort() // HIT
    }
}
