func f() {
    var work: [Int] = []
    while !work.isEmpty {
        work.removeFirst() // HIT
    }
}
