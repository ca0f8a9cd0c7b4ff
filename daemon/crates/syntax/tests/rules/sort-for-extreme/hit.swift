func f(xs: [Int]) -> Int? { return xs.sorted().first } // HIT
