package p

func f(xs []string) {
	for _, x := range xs {
		re := regexp.MustCompile("a+") // HIT
		re.MatchString(x)
	}
}
