def f(ids, d):
    for user in User.objects.filter(pk__in=ids):
        d.get(user)
    while True:
        requests.get("http://a/")
