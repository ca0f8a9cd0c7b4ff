func f(xs: [String]) throws {
    for x in xs {
        let re = try NSRegularExpression(pattern: "a+") // HIT
        use(re, x)
    }
}
