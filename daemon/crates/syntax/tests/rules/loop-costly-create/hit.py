def f(urls):
    for url in urls:
        s = requests.Session()  # HIT
        s.get(url)
