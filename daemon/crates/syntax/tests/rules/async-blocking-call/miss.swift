func f() async throws {
    try await Task.sleep(nanoseconds: 1)
}
func g() {
    Thread.sleep(forTimeInterval: 1)
}
