package p

func f(a, b string) bool { return strings.ToLower(a) == strings.ToLower(b) } // HIT
