package p

func f(ids []int) {
	for _, id := range ids {
		row := db.QueryRow("SELECT a FROM b WHERE id = $1", id) // HIT
		use(row)
	}
}
