def f(ids):
    for i in ids:
        print(User.objects.get(pk=i))  # HIT
        requests.get("http://a/" + i)  # HIT
