def f(xs, d):
    work = deque(xs)
    other = list(xs)
    while work:
        work.popleft()
        other.pop()
        d.pop(0)
    other.pop(0)
