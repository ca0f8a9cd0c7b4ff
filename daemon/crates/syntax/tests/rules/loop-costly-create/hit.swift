func f(ds: [Date]) {
    for d in ds {
        let f = DateFormatter() // HIT
        print(f.string(from: d))
    }
}
