package p

func f(c chan int) {
	for {
		<-time.After(time.Second)
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Minute):
		}
	}
	select {
	case <-c:
	case <-time.After(time.Minute):
	}
}
