package p

func f(ys []int) {
	best := []int{}
	for _, y := range ys {
		sort.Ints(best) // HIT
		use(y)
	}
}
