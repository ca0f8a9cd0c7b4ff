package p

func f(xs []string) {
	re := regexp.MustCompile("a+")
	for _, x := range xs {
		re.MatchString(x)
		regexp.MustCompile(x)
	}
}
