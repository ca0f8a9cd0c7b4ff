package p

func ok(s string) bool {
	return regexp.MustCompile(`^a+$`).MatchString(s) // HIT
}
