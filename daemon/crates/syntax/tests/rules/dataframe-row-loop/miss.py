def f(df, xs):
    for row in df.itertuples():
        print(row)
    parts = []
    for x in xs:
        parts.append(x)
        own = pd.concat([x, x])
    return pd.concat(parts)
