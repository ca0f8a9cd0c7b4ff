package p

func f(xs []string) {
	var seen []string
	for _, x := range xs {
		if !slices.Contains(seen, x) { // HIT
			seen = append(seen, x)
		}
	}
}
