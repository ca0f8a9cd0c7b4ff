package p

var re = regexp.MustCompile(`^a+$`)

func init() {
	other = regexp.MustCompile("b")
}

func lazy() {
	once.Do(func() { other = regexp.MustCompile("b") })
}

func given(p string) { regexp.MustCompile(p) }
