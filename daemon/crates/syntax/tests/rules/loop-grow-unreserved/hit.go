package p

func f(xs []int) []int {
	var out []int
	for _, x := range xs {
		out = append(out, x*2) // HIT
	}
	return out
}
