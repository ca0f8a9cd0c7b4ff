package p

func f(ys [][]int) {
	for _, y := range ys {
		sort.Ints(y)
	}
}
