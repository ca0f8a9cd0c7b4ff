func f(xs: [Int]) -> Int? { return xs.first { $0 > 1 } ?? xs.lazy.filter { $0 > 1 }.first }
