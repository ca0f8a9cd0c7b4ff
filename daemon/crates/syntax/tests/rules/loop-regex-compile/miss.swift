func f(xs: [String]) throws {
    let re = try NSRegularExpression(pattern: "a+")
    for x in xs {
        use(re, try NSRegularExpression(pattern: x))
    }
}
