func f(ys: [[Int]]) {
    for y in ys {
        let own = y.sorted()
        use(own)
    }
}
