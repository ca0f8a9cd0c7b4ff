def f(df, xs):
    for i, row in df.iterrows():  # HIT
        print(row)
    table = pd.DataFrame()
    for x in xs:
        table = pd.concat([table, x])  # HIT
