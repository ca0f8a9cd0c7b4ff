func f(xs: [Int]) -> Int? { return xs.sorted().dropFirst().first }
