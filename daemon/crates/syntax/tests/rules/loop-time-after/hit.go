package p

func f(c chan int) {
	for {
		select {
		case <-c:
		case <-time.After(time.Minute): // HIT
			return
		}
	}
}
