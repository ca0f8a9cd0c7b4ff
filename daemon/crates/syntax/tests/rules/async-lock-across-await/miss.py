async def f(self):
    async with self._lock:
        await g()
    with self._lock:
        x = 1
    with open("a") as h:
        await g(h)
    await g(x)
