async def f(url):
    time.sleep(1)  # HIT
    return requests.get(url)  # HIT
