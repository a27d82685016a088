/** `--wait`, against a server that counts what a test tells it to. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { FakeHerald, problem, type Reply } from "../../../support/FakeHerald.ts"
import { type TerminalOptions, terminal } from "../../../support/Terminal.ts"
import { until } from "../../../support/turn.ts"
import { CONFIG, head, published } from "../../Ask.ts"

const SUMMARY = "GET /v1/clients/summary"
const counts = (applied: number, pending: number, rejected = 0, next: string | null = null, away = 0): Reply => {
  const clients = applied + pending + rejected
  const desired = { version: 3, revision: 7, epoch: "e" }
  const key = { key: "shop", desired, clients, applied, pending, rejected, problem: 0, versions: [] }
  const service = { environment: "production", service: "shop", connected: clients, away, more: false, keys: [key] }
  return { body: { services: [service], next } }
}
const at = { version: 3, revision: 7, epoch: "e", at: 1 }
const refusal: Reply = {
  body: {
    clients: [
      {
        environment: "production",
        service: "shop",
        instance: "web-7",
        state: "connected",
        labels: {},
        patterns: ["shop"],
        connectedAt: 1,
        lastSeen: 1,
        ending: "",
        node: "n",
        owner: "",
        health: null,
        keys: [
          {
            key: "shop",
            desired: { version: 3, revision: 7, epoch: "e" },
            sent: at,
            applied: null,
            rejected: { ...at, reason: "port is taken" },
            problem: ""
          }
        ],
        nextKey: null,
        troubled: 1
      }
    ],
    next: null
  }
}
const strange = (reply: Reply): Reply => ({ ...reply, strange: true })

const publishing = async (
  summaries: ReadonlyArray<Reply>,
  { args = ["--wait"], ...options }: TerminalOptions & { readonly args?: ReadonlyArray<string> } = {}
) => {
  await using herald = await FakeHerald.start()
  herald.on(`PUT ${CONFIG}`, { body: published }).on("GET /v1/clients", strange(refusal))
  herald.on(SUMMARY, ...summaries)
  const cli = terminal(options)
  const exit = await cli.run("publish", "shop", "x", ...args, "--server", herald.url)
  return { exit, cli, herald }
}

describe("--wait", () => {
  it("AW1 ends well when all have it, and tells each step once", async () => {
    const steps = [counts(0, 3), counts(0, 3), counts(2, 1), counts(3, 0)]
    const { exit, cli, herald } = await publishing(steps, { args: ["--wait", "--output", "table"] })
    assert.strictEqual(exit, 0, cli.said)
    assert.strictEqual(cli.printed, "published shop version 3 in production (revision 7)")
    assert.deepStrictEqual(cli.err.slice(0, 3), ["0/3 applied, 3 to go", "2/3 applied, 1 to go", "3/3 applied"])
    assert.match(cli.err[3] ?? "", /^applied by all 3 clients in \d+\.\d s$/)
    const asked = herald.requests.filter(({ line }) => line === SUMMARY)
    assert.deepStrictEqual(asked[0]?.query, { environment: "production", key: "shop", revision: "7", epoch: "e" })
  })

  it("AW1 ends with 8 as soon as one rejected it, names who and why, and how to take it back", async () => {
    const { exit, cli } = await publishing([counts(187, 11, 2)])
    assert.strictEqual(exit, 8)
    assert.include(cli.said, "187/200 applied, 2 rejected, 11 to go: shop/web-7: port is taken")
    assert.include(cli.said, "take it back: herald rollback shop --to 2 --env production")
    assert.include(cli.said, "herald clients --key shop --env production --rejected")
    const reached = { clients: 200, applied: 187, rejected: 2, problem: 0, pending: 11, away: 0 }
    assert.deepInclude(cli.json, { version: 3, reached })
  })

  it("AW1 ends with 9 when the time is over, and with 0 where nobody subscribes", async () => {
    const late = await publishing([counts(1, 1)], { args: ["--wait", "--timeout", "0s"] })
    assert.strictEqual(late.exit, 9)
    assert.include(late.cli.said, "after 0 s: 1/2 applied, 1 to go")
    const nobody = await publishing([{ body: { services: [], next: null } }])
    assert.strictEqual(nobody.exit, 0)
    assert.include(nobody.cli.said, "no connected client subscribes to shop")
  })

  it("AW4 who is known and away is told of, and not waited for", async () => {
    const some = await publishing([counts(1, 0, 0, null, 2)])
    assert.strictEqual(some.exit, 0)
    assert.match(some.cli.err.at(-1) ?? "", /^applied by 1 of 1 connected in \d+\.\d s; 2 known ones are away$/)
    assert.deepInclude(some.cli.json.reached, { clients: 1, applied: 1, away: 2 })
    const none = await publishing([counts(0, 0, 0, null, 1)])
    assert.include(none.cli.said, "no connected client subscribes to shop; 1 known one is away")
  })

  it("AW2 pages of the summary are added up, and no client is listed while all goes well", async () => {
    const { cli, herald } = await publishing([counts(5, 0, 0, "more"), counts(4, 0)])
    assert.include(cli.said, "9/9 applied")
    assert.deepStrictEqual(
      herald.requests.map(({ line, query }) => [line, query["after"]]),
      [
        [`PUT ${CONFIG}`, undefined],
        [SUMMARY, undefined],
        [SUMMARY, "more"]
      ]
    )
  })

  it("AW3 a server that is away ends nothing; who leaves is told where to look", async () => {
    const away = await publishing([problem("DatabaseUnavailable", "gone"), counts(1, 0)])
    assert.strictEqual(away.exit, 0)
    assert.include(away.cli.said, "waiting for it …")

    await using herald = await FakeHerald.start()
    herald.on(`PUT ${CONFIG}`, { body: published }).on(SUMMARY, counts(0, 1))
    const cli = terminal({ terminal: true, columns: 20 })
    const run = cli.start("publish", "shop", "x", "--wait", "--server", herald.url)
    await until(() => cli.lives.length > 0)
    await Effect.runPromise(Fiber.interrupt(run))
    assert.include(cli.lives, "0/1 applied, 1 to …")
    assert.strictEqual(cli.lives.at(-1), "")
    assert.strictEqual(
      cli.said,
      "it was committed, and goes on without you; look with: herald clients --key shop --env production"
    )
  })

  const variables = { ...published, key: "herald.variables" }
  const template = (key: string) => ({ ...head, key, template: true })
  const countsOf = (key: string, applied: number, pending: number, rejected = 0): Reply => {
    const { services } = counts(applied, pending, rejected).body as { services: ReadonlyArray<{ keys: object[] }> }
    return { body: { services: services.map((one) => ({ ...one, keys: [{ ...one.keys[0], key }] })), next: null } }
  }
  const nobody: Reply = { body: { services: [], next: null } }

  it("AW5 who changes variables waits for the clients of every template that is made with them", async () => {
    await using herald = await FakeHerald.start()
    herald.on("PUT /v1/config/herald.variables", { body: variables })
    herald.on(
      "GET /v1/config",
      problem("DatabaseUnavailable", "gone"),
      { body: { keys: [template("page")], next: "page" } },
      { body: { keys: [template("site")], next: null } }
    )
    herald.on(SUMMARY, nobody, countsOf("page", 2, 0), countsOf("site", 0, 1), countsOf("site", 1, 0))
    const cli = terminal()
    assert.strictEqual(
      await cli.run("publish", "herald.variables", "{}", "--wait", "--server", herald.url),
      0,
      cli.said
    )
    assert.deepStrictEqual(
      herald.requests
        .filter(({ line }) => line === "GET /v1/config")
        .map(({ query }) => [query["only"], query["after"]]),
      [
        ["template", undefined],
        ["template", undefined],
        ["template", "page"]
      ]
    )
    const asked = herald.requests.filter(({ line }) => line === SUMMARY).map(({ query }) => query)
    assert.deepStrictEqual(
      asked.map(({ key, revision, epoch }) => [key, revision, epoch]),
      [
        ["herald.variables", "7", "e"],
        ["page", "7", "e"],
        ["site", "7", "e"],
        ["site", "7", "e"]
      ]
    )
    assert.match(
      cli.err.at(-1) ?? "",
      /^applied by every connected client of herald\.variables and the 2 templates made with it in \d/
    )
    assert.deepInclude(cli.json.reached, { clients: 3, applied: 3, pending: 0 })
  })

  it("AW5 a template that a client rejects is told by its name, and the variables are what is taken back", async () => {
    await using herald = await FakeHerald.start()
    herald.on("PUT /v1/config/herald.variables", { body: variables })
    herald.on("GET /v1/config", { body: { keys: [template("page")], next: null } })
    herald.on("GET /v1/clients", strange(refusal)).on(SUMMARY, nobody, countsOf("page", 1, 0, 1))
    const cli = terminal()
    assert.strictEqual(await cli.run("publish", "herald.variables", "{}", "--wait", "--server", herald.url), 8)
    assert.include(cli.said, "page version 3, made with version 3 of herald.variables: 1/2 applied, 1 rejected")
    assert.include(cli.said, "take it back: herald rollback herald.variables --to 2 --env production")
    assert.include(cli.said, "herald clients --key page --env production --rejected")
  })

  it("AW5 a template of the same release is waited for once", async () => {
    await using herald = await FakeHerald.start()
    const { environment, version, type, digest, deleted } = published
    const changes = ["herald.variables", "page"].map((key) => ({ key, environment, version, type, digest, deleted }))
    const released = { revision: 7, epoch: "e", committedAt: 0, message: "", replayed: false, changes }
    herald.on("POST /v1/releases", strange({ body: released }))
    herald.on("GET /v1/config", { body: { keys: [template("page")], next: null } })
    herald.on(SUMMARY, nobody, countsOf("page", 1, 0))
    const files = { "r.yaml": "changes: [{ key: herald.variables, value: '{}' }, { key: page, value: x }]" }
    const cli = terminal({ files })
    assert.strictEqual(await cli.run("release", "apply", "r.yaml", "--wait", "--server", herald.url), 0, cli.said)
    assert.deepInclude(cli.json.reached, { clients: 1, applied: 1 })
  })

  it("what can't be waited for is said before anything is written", async () => {
    for (const args of [
      ["--timeout", "2m"],
      ["--wait", "--timeout", "soon"]
    ]) {
      const { exit, herald } = await publishing([counts(1, 0)], { args })
      assert.strictEqual(exit, 2)
      assert.deepStrictEqual(herald.lines, [])
    }
  })

  it("rollback, delete and release apply wait, too", async () => {
    await using herald = await FakeHerald.start()
    const { key, environment, version, type, digest, deleted } = published
    const changes = [{ key, environment, version, type, digest, deleted }]
    const released = { revision: 7, epoch: "e", committedAt: 0, message: "", replayed: false, changes }
    herald.on(`POST ${CONFIG}/rollback`, { body: published }).on(`DELETE ${CONFIG}`, { body: published })
    herald.on("POST /v1/releases", strange({ body: released })).on(SUMMARY, counts(4, 0))
    for (const args of [
      ["rollback", "shop", "--to", "2"],
      ["delete", "shop"],
      ["release", "apply", "r.yaml"]
    ]) {
      const cli = terminal({ files: { "r.yaml": "changes: [{ key: shop, value: x }]" } })
      assert.strictEqual(await cli.run(...args, "--wait", "--server", herald.url), 0, cli.said)
      assert.include(cli.said, "applied by all 4 clients")
      assert.deepInclude(cli.json.reached, { clients: 4, applied: 4, pending: 0 })
      assert.strictEqual(cli.json.revision, 7)
    }
  })
})
