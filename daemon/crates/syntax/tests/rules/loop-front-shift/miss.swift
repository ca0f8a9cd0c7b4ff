func f(queue: Deque<Int>) {
    var work: [Int] = []
    while !work.isEmpty {
        work.removeLast()
        queue.removeFirst()
    }
}
