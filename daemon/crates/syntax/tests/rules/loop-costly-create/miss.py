def f(urls):
    s = requests.Session()
    for url in urls:
        s.get(url)
        own.Session()
