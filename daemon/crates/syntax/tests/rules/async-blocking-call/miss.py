async def f(url, session):
    await asyncio.sleep(1)
    await session.get(url)
    await asyncio.to_thread(requests.get, url)
    def g():
        time.sleep(1)

def h():
    time.sleep(1)
