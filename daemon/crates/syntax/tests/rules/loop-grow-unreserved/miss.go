package p

func f(xs []int, c chan int) []int {
	out := make([]int, 0, len(xs))
	var some []int
	for _, x := range xs {
		out = append(out, x*2)
		if x > 1 {
			some = append(some, x)
		}
	}
	return out
}
