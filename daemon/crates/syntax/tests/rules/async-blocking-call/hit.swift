func f() async {
    Thread.sleep(forTimeInterval: 1) // HIT
}
