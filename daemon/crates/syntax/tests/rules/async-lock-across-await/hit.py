async def f(self):
    lock = threading.Lock()
    with lock:  # HIT
        await g()
    with self._lock:  # HIT
        await g()
