package p

func f(ids []int) {
	db.Query("SELECT a FROM b")
	for _, id := range ids {
		m.Get(id)
		u.Query()
	}
}
