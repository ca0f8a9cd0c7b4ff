package p

func f(a, b string) bool { return strings.EqualFold(a, b) || strings.ToLower(a) == "x" }
