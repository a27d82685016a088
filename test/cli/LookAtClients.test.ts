/** The verbs that look at the fleet: what they ask of the server, and what they print. */
import { assert, describe, it } from "@effect/vitest"
import { FakeHerald } from "../support/FakeHerald.ts"
import { NOW, terminal } from "../support/Terminal.ts"
import { ask, head } from "./Ask.ts"

describe("looking at clients", () => {
  it("clients shows desired, sent, applied, rejected and why", async () => {
    const of = (version: number) => ({ version, revision: version, epoch: "e" })
    const at = (version: number) => ({ ...of(version), at: NOW })
    const client = {
      environment: "production",
      service: "shop",
      instance: "i1",
      state: "connected",
      labels: {},
      patterns: ["shop"],
      connectedAt: NOW,
      lastSeen: NOW - 3_000,
      ending: "",
      node: "n",
      owner: "team-a",
      health: { revision: 2, epoch: "e", health: "degraded", message: "slow", metrics: {}, reportedAt: NOW },
      keys: [
        {
          key: "shop",
          desired: of(3),
          sent: at(3),
          applied: at(2),
          rejected: { ...at(3), reason: "port is taken" },
          problem: ""
        },
        { key: "shop.b", desired: of(1), sent: null, applied: null, rejected: null, problem: "{{zone}} is missing" }
      ],
      nextKey: null,
      troubled: 2
    }
    const gone = { ...client, instance: "i2", state: "timed_out", ending: "no heartbeat", health: null, keys: [] }
    const { request, printed } = await ask(["clients", "--service", "shop", "-e", "production"], "GET /v1/clients", {
      body: { clients: [client, gone], next: null }
    })
    assert.deepStrictEqual(request.query, { environment: "production", service: "shop", limit: "1000" })
    assert.strictEqual(
      printed,
      [
        "1 of 2 connected, 2 with trouble, 1 lagging",
        "STATE      SERVICE  INSTANCE  OWNER   ENV         SEEN     KEY     DESIRED  SENT  APPLIED  TROUBLE",
        "connected  shop     i1        team-a  production  3 s ago  shop          3     3        2  version 3 rejected: port is taken; degraded: slow",
        "                                                           shop.b        1     -        -  can't be sent: {{zone}} is missing",
        "timed_out  shop     i2        team-a  production  3 s ago  -             -     -        -  no heartbeat"
      ].join("\n")
    )
  })

  it("clients tells nobody at all from nobody of that name", async () => {
    const body = { clients: [], next: null }
    const nobody = await ask(["clients"], "GET /v1/clients", { body })
    assert.include(nobody.printed, "try: herald subscribe")
    for (const narrow of [
      ["--service", "a"],
      ["--instance", "a"],
      ["--env", "a"]
    ]) {
      const none = await ask(["clients", ...narrow], "GET /v1/clients", { body })
      assert.strictEqual(none.printed, "no such client; herald clients shows all that there are")
    }
    assert.strictEqual((await ask(["clients", "--lagging"], "GET /v1/clients", { body })).printed, "nobody lags")
    const refused = await ask(["clients", "--rejected", "-e", "a"], "GET /v1/clients", { body })
    assert.strictEqual(refused.printed, "nobody rejected anything")
  })

  it("NE1 clients and status say which name no client has, and what may have been meant", async () => {
    const of = { version: 1, revision: 1, epoch: "e" }
    const count = { clients: 1, applied: 1, rejected: 0, problem: 0, pending: 0, versions: [] }
    const service = {
      environment: "production",
      service: "user-service",
      connected: 1,
      away: 0,
      more: false,
      keys: [{ key: "user-service", desired: of, ...count }]
    }
    const client = {
      ...{ environment: "production", service: "user-service", instance: "user-1", state: "connected", labels: {} },
      ...{ patterns: ["user-service"], connectedAt: 0, lastSeen: 0, ending: "", node: "n", health: null, owner: "" },
      ...{ keys: [], nextKey: null, troubled: 0 }
    }
    const asked = async (...args: ReadonlyArray<string>) => {
      await using herald = await FakeHerald.start()
      const nobody = { body: { clients: [], next: null } }
      herald.on("GET /v1/clients", nobody, { body: { clients: [client], next: null } })
      // Of the service that is asked for there is nothing; then of all.
      const named = args.includes("status") && args.includes("--service")
      herald.on("GET /v1/clients/summary", ...(named ? [{ body: { services: [], next: null } }] : []), {
        body: { services: args.includes("prodction") ? [] : [service], next: null }
      })
      herald.on("GET /v1/environments", { body: { environments: [{ environment: "production", keys: 1 }] } })
      herald.on("GET /v1/config", { body: { keys: [{ ...head, key: "user-service" }], next: null } })
      herald.on("GET /readyz", { body: { status: "ready", degraded: [] }, strange: true })
      const cli = terminal({ terminal: true })
      assert.strictEqual(await cli.run(...args, "--server", herald.url), 0, cli.said)
      return args.includes("json") ? [cli.json.length, cli.said] : cli.printed.split("\n").at(-1)
    }
    const wrong = "no client of a service user-servce is known; did you mean user-service?"
    assert.strictEqual(await asked("clients", "--service", "user-servce"), wrong)
    assert.deepStrictEqual(await asked("clients", "--service", "user-servce", "-o", "json"), [0, wrong])
    // Good news of a service that is not there is none.
    assert.strictEqual(await asked("clients", "--rejected", "--service", "user-servce"), wrong)
    assert.strictEqual(await asked("clients", "--rejected", "--service", "user-service"), "nobody rejected anything")
    assert.strictEqual(await asked("status", "--service", "user-servce"), wrong)
    assert.strictEqual(
      await asked("clients", "--instance", "usr-1"),
      "no instance usr-1 is known; did you mean user-1?"
    )
    assert.strictEqual(
      await asked("clients", "--key", "user-servce"),
      "no client subscribes to user-servce; did you mean user-service?"
    )
    for (const verb of ["clients", "status"])
      assert.strictEqual(
        await asked(verb, "--env", "prodction"),
        "there is no environment prodction; did you mean production?"
      )
    assert.strictEqual(
      await asked("clients", "--service", "zzz"),
      "no client of a service zzz is known; herald clients shows all that there are"
    )
  })

  it("clients says so when there are more than it can show", async () => {
    const client = {
      ...{ environment: "e", service: "s", instance: "i", state: "connected", labels: {}, patterns: [], owner: "" },
      ...{ connectedAt: 0, lastSeen: 0, ending: "", node: "n", health: null, keys: [], nextKey: null, troubled: 0 }
    }
    const { cli } = await ask(["clients"], "GET /v1/clients", {
      body: { clients: Array.from({ length: 1_000 }, () => client), next: "more" }
    })
    assert.strictEqual(cli.said, "only the first 1000 clients are shown; narrow them with --service or --env")
  })

  it("clients asks the server for what is meant; newest trouble is first, and a goodbye is no trouble", async () => {
    const desired = { version: 3, revision: 7, epoch: "e" }
    const one = (instance: string, more: object, rejectedAt?: number) => ({
      environment: "production",
      service: "shop",
      instance,
      state: "connected",
      labels: {},
      patterns: ["shop"],
      connectedAt: NOW,
      lastSeen: NOW,
      ending: "",
      node: "n",
      owner: "",
      health: null,
      keys: [
        {
          key: "shop",
          desired,
          sent: null,
          applied: null,
          rejected: rejectedAt === undefined ? null : { ...desired, at: rejectedAt, reason: "no" },
          problem: ""
        }
      ],
      nextKey: null,
      troubled: 0,
      ...more
    })
    const clients = [
      one("fine", {}),
      one("old", {}, 100),
      one("left", { state: "disconnected", ending: "Closed", keys: [] }),
      one("new", {}, 200)
    ]
    const flags = ["--connected", "--rejected", "--lagging", "--key", "shop"]
    const options = { env: { FORCE_COLOR: "1", NO_COLOR: "" }, columns: 200 }
    const { request, printed } = await ask(
      ["clients", ...flags],
      "GET /v1/clients",
      { body: { clients, next: null } },
      options
    )
    assert.deepStrictEqual(request.query, {
      key: "shop",
      connected: "true",
      rejected: "true",
      lagging: "true",
      limit: "1000"
    })
    const narrow = await ask(
      ["clients"],
      "GET /v1/clients",
      { body: { clients, next: null } },
      { env: { NO_COLOR: "1" }, columns: 80 }
    )
    assert.strictEqual(narrow.printed.split("\n")[3], "  version 3 rejected: no")
    assert.notInclude(narrow.printed, "TROUBLE")

    const rows = printed.split("\n").slice(2)
    assert.deepStrictEqual(
      rows.map((line) => /(fine|old|left|new) /.exec(line)?.[1]),
      ["new", "old", "fine", "left"]
    )
    assert.include(rows.at(-1), "\u001b[2mdisconnected")
    assert.notInclude(rows.at(-1), "\u001b[31m")
    assert.include(printed, "3 of 4 connected, \u001b[31m2 with trouble\u001b[39m, \u001b[33m3 lagging\u001b[39m")
  })

  it("clients beyond what is shown are counted by the server, and those with trouble are shown all the same", async () => {
    await using herald = await FakeHerald.start()
    const plain = (instance: string) => ({
      environment: "production",
      service: "s",
      instance,
      state: "connected",
      labels: {},
      patterns: [],
      connectedAt: 1,
      lastSeen: 1,
      ending: "",
      node: "n",
      owner: "",
      health: null,
      keys: [],
      nextKey: null,
      troubled: 0
    })
    const ill = {
      ...plain("zz"),
      health: { revision: 1, epoch: "e", health: "unhealthy", message: "", metrics: {}, reportedAt: 1 }
    }
    herald.on(
      "GET /v1/clients",
      { body: { clients: Array.from({ length: 1_000 }, (_, at) => plain(`i${at}`)), next: "more" } },
      { body: { clients: [ill], next: null } }
    )
    const key = {
      key: "s",
      desired: null,
      clients: 9_000,
      applied: 8_999,
      rejected: 1,
      problem: 0,
      pending: 0,
      versions: []
    }
    const service = { environment: "production", service: "s", connected: 9_000, away: 3, more: false, keys: [key] }
    herald.on("GET /v1/clients/summary", { body: { services: [service], next: null } })
    const cli = terminal({ terminal: true })
    assert.strictEqual(await cli.run("clients", "--server", herald.url), 0, cli.said)
    assert.match(
      cli.printed,
      /^9000 of 9003 connected, 1 with trouble\n {2}s version -: 8999\/9000 applied, 1 rejected\n/
    )
    assert.match(cli.printed.split("\n")[3] ?? "", / zz /)
    assert.strictEqual(cli.printed.split("\n").length, 1_003)
  })
})
