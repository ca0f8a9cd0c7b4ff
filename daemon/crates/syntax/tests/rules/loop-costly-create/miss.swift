func f(ds: [Date]) {
    let f = DateFormatter()
    for d in ds {
        print(f.string(from: d))
    }
}
