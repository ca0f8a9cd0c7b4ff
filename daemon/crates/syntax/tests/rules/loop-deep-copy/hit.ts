type Limits = { limit: number; limits: number[] };

function over(xs: number[], base: Limits) {
  for (const x of xs) {
    const y: Limits = JSON.parse(JSON.stringify(base)); // HIT
    if (y.limit > x) console.log(`over ${y.limit}`);
  }
}

function part(xs: number[], base: Limits) {
  for (const x of xs) {
    if (structuredClone(base).limit > x) break; // HIT
  }
}

function own(xs: number[]) {
  const base = load();
  base.limit = 1;
  xs.forEach((x) => {
    const mine = cloneDeep(base) as Limits; // HIT
    while (mine.limits![0] === x) console.log(`${mine?.limit}`, JSON.stringify(mine));
  });
}

function asked(users: User[], policy: Policy) {
  let allowed = 0;
  for (const user of users) {
    if (!user.active) continue;
    const rules = structuredClone(policy); // HIT
    if (rules.roles.includes(user.role) && !rules.closed) {
      allowed += 1;
    }
  }
  return allowed;
}

function counted(rows: Row[], schema: Schema) {
  for (const row of rows) {
    const mine = JSON.parse(JSON.stringify(schema)); // HIT
    let n = 0;
    for (let i = 0; i < mine.keys.length; i++) {
      n++;
    }
    row.check(n);
  }
}

function afterItWasRead(xs: number[], base: Limits) {
  for (const x of xs) {
    const mine = _.cloneDeep(base); // HIT
    console.log(`limit of ${x}`);
    if (mine.limit > x) base.limit = x;
  }
}

function key(rows: Row[], base: Row, prices: number[]) {
  for (const row of rows) {
    const item = structuredClone(base); // HIT
    if (prices[item.sku] > row.most) row.mark();
  }
}

function asText(names: string[], config: Config) {
  for (const name of names) {
    const text = `${name}: ${JSON.stringify(structuredClone(config))}`; // HIT
    send(name, text);
  }
}

async function beforeItWaits(clients: Client[], message: Message) {
  for (const client of clients) {
    const own = structuredClone(message); // HIT
    const text = `${client.id}: ${own.text}`;
    await client.send(text);
  }
}

function inAWhile(queue: Job[], options: Options) {
  while (queue.length > 0) {
    const job = queue.pop();
    const own = cloneDeep(options); // HIT
    const limit = own.strict ? 3 : 10;
    job.run(limit);
  }
}

function kinds(xs: number[], base: Limits) {
  for (const x of xs) {
    let mine;
    switch (x) {
      case 1:
        const own = structuredClone(base); // HIT
        if (Object.keys(own).length === x) return x;
        break;
    }
  }
}
