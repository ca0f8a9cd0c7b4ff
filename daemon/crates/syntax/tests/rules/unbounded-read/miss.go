package p

func h(w http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	use(b)
}

func g(f *os.File, resp *http.Response) {
	io.ReadAll(f)
	io.ReadAll(resp.Body)
}
