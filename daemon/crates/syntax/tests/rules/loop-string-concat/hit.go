package p

func f(xs []string) string {
	s := ""
	for _, x := range xs {
		s += x // HIT
	}
	return s
}
