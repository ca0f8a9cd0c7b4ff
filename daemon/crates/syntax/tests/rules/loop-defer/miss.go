package p

func f(xs []string) {
	defer done()
	for _, x := range xs {
		func() {
			g, _ := os.Open(x)
			defer g.Close()
		}()
		if x == "" {
			defer done()
			return
		}
	}
}
