package p

func h(w http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body) // HIT
	use(b)
}
