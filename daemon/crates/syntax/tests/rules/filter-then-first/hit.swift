func f(xs: [Int]) -> Int? { return xs.filter { $0 > 1 }.first } // HIT
