package p

func f(xs []string) {
	for _, x := range xs {
		g, _ := os.Open(x)
		defer g.Close() // HIT
	}
}
