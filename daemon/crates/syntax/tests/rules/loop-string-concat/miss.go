package p

func f(xs []string) int {
	n := 0
	for i, x := range xs {
		n += i
		line := "a"
		line += x
		use(line)
	}
	return n
}
