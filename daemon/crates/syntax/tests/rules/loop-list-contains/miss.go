package p

func f(xs []string, s string) {
	seen := map[string]bool{}
	for _, x := range xs {
		if !seen[x] && strings.Contains(s, x) {
			seen[x] = true
		}
		own := []string{}
		if slices.Contains(own, x) {
			own = append(own, x)
		}
	}
}
