/** The verbs of flags: what they ask of the server, and what they print. */
import { assert, describe, it } from "@effect/vitest"
import { FakeHerald } from "../../../support/FakeHerald.ts"
import { terminal } from "../../../support/Terminal.ts"
import { ask } from "../../Ask.ts"

const FLAG = "/v1/flags/shop"
const published = {
  flag: "shop",
  environment: "production",
  version: 3,
  digest: "d",
  deleted: false,
  revision: 7,
  epoch: "e",
  committedAt: 0,
  committedTime: "",
  replayed: false,
  warnings: []
}
const stored = (version: number, definition: unknown) => ({
  flag: "shop",
  environment: "production",
  version,
  revision: version,
  definition,
  deleted: false,
  digest: "d",
  createdAt: 0,
  updatedAt: 0,
  updatedBy: "ann",
  message: ""
})
const conflict = {
  status: 412,
  body: {
    type: "about:blank",
    status: 412,
    code: "HRLD-2002",
    title: "Someone else changed it first",
    detail: "it is at another version",
    cause: "",
    fix: ""
  }
}

describe("herald flag", () => {
  it("create sends the simple form, for a flag that is new", async () => {
    const { request, printed } = await ask(
      ["flag", "create", "shop", "--percentage", "2.5", "--user", "ann", "--user", "bob", "--owner", "team"],
      `PUT ${FLAG}`,
      { body: { ...published, warnings: [{ at: "/targeting", problem: "is read differently" }] } }
    )
    assert.deepStrictEqual(request.body, {
      value: { enabled: true, percentage: 2.5, targetUsers: ["ann", "bob"], owner: "team" },
      expectedVersion: 0
    })
    assert.deepStrictEqual(request.query, { environment: "production" })
    assert.strictEqual(
      printed,
      "created shop version 3 in production (revision 7)\nnote /targeting is read differently"
    )
  })

  it("FW1 what is changed in part is changed at the version that was read, and read again when that is no longer the current one", async () => {
    await using herald = await FakeHerald.start()
    const simple = (percentage: number) => ({ enabled: true, percentage, targetUsers: ["ann"] })
    herald.on(`GET ${FLAG}`, { body: stored(1, simple(1)) }, { body: stored(2, simple(2)) })
    herald.on(`PUT ${FLAG}`, conflict, { body: published })
    const cli = terminal({ terminal: true })
    const exit = await cli.run("flag", "target", "shop", "--add", "bob", "--remove", "ann", "--server", herald.url)

    assert.strictEqual(exit, 0, cli.said)
    assert.deepStrictEqual(
      herald.requests.filter(({ line }) => line.startsWith("PUT")).map(({ body }) => body),
      [
        { value: { enabled: true, percentage: 1, targetUsers: ["bob"] }, expectedVersion: 1 },
        { value: { enabled: true, percentage: 2, targetUsers: ["bob"] }, expectedVersion: 2 }
      ]
    )
  })

  it("create makes it on for those alone who are named, unless a percentage is given", async () => {
    for (const [named, member] of [
      [["--user", "ann"], { targetUsers: ["ann"] }],
      [["--segment", "beta"], { segments: ["beta"] }]
    ] as const) {
      const { request } = await ask(["flag", "create", "shop", ...named], `PUT ${FLAG}`, { body: published })
      assert.deepStrictEqual(request.body, { value: { enabled: true, percentage: 0, ...member }, expectedVersion: 0 })
    }
    const { request } = await ask(["flag", "create", "shop"], `PUT ${FLAG}`, { body: published })
    assert.deepStrictEqual(request.body, { value: { enabled: true }, expectedVersion: 0 })
  })

  it("create of one that is there already says so, and what changes it", async () => {
    await using herald = await FakeHerald.start()
    herald.on(`PUT ${FLAG}`, conflict)
    herald.on("PUT /v1/segments/beta", conflict)
    for (const [noun, name, fix] of [
      ["flag", "shop", "herald flag target shop"],
      ["segment", "beta", "herald segment set beta"]
    ] as const) {
      const cli = terminal({ terminal: true })
      assert.strictEqual(await cli.run(noun, "create", name, "--user", "ann", "--server", herald.url), 5)
      assert.include(cli.said, `there is a ${noun} ${name} in production already`)
      assert.include(cli.said, fix)
    }
  })

  it("what the database does not confirm is marked", async () => {
    await using herald = await FakeHerald.start()
    const headers = { "herald-stale": "true" }
    herald.on(`GET ${FLAG}`, { body: stored(1, { enabled: true }), headers })
    herald.on("GET /v1/flags", { body: { flags: [stored(1, { enabled: true })], next: null }, headers })
    const answer = {
      flag: "shop",
      environment: "production",
      value: true,
      variant: "on",
      reason: "STATIC",
      metadata: {},
      steps: []
    }
    herald.on(`POST ${FLAG}/evaluate`, { body: answer, headers })
    for (const args of [["get", "shop"], ["list"], ["eval", "shop"]]) {
      const cli = terminal({ terminal: true })
      assert.strictEqual(await cli.run("flag", ...args, "--server", herald.url), 0, cli.said)
      assert.include(cli.printed, "stale: the server can't confirm that this is the newest")
    }
  })

  it("create takes what people want to know of a flag", async () => {
    const about = ["--tag", "web", "--tag", "q4", "--purpose", "experiment", "--expected-end", "2026-12-31"]
    const { request } = await ask(["flag", "create", "shop", ...about], `PUT ${FLAG}`, { body: published })
    assert.deepStrictEqual(request.body, {
      value: { enabled: true, tags: ["web", "q4"], purpose: "experiment", expectedEnd: "2026-12-31" },
      expectedVersion: 0
    })
  })

  it("create and target name segments, and no longer name them", async () => {
    const { request } = await ask(["flag", "create", "shop", "--percentage", "0", "--segment", "beta"], `PUT ${FLAG}`, {
      body: published
    })
    assert.deepInclude(request.body, { value: { enabled: true, percentage: 0, segments: ["beta"] } })
    await using herald = await FakeHerald.start()
    herald.on(`GET ${FLAG}`, { body: stored(1, { segments: ["beta", "staff"], targetUsers: ["ann"] }) })
    herald.on(`PUT ${FLAG}`, { body: published })
    const args = ["--segment", "family", "--remove-segment", "beta", "--server", herald.url]
    assert.strictEqual(await terminal().run("flag", "target", "shop", ...args), 0)
    assert.deepInclude(herald.last.body, { value: { targetUsers: ["ann"], segments: ["staff", "family"] } })
  })

  it("enable and disable change what the form calls it; a flag with a rule has no target users", async () => {
    for (const [definition, expected] of [
      [{ percentage: 5 }, { percentage: 5, enabled: false }],
      [
        { state: "ENABLED", variants: { a: 1 } },
        { state: "DISABLED", variants: { a: 1 } }
      ]
    ]) {
      await using herald = await FakeHerald.start()
      herald.on(`GET ${FLAG}`, { body: stored(2, definition) })
      herald.on(`PUT ${FLAG}`, { body: published })
      assert.strictEqual(await terminal().run("flag", "disable", "shop", "--server", herald.url), 0)
      assert.deepStrictEqual(herald.last.body, { value: expected, expectedVersion: 2 })
    }
    const { exit, cli } = await ask(["flag", "target", "shop", "--percentage", "5"], `GET ${FLAG}`, {
      body: stored(2, { state: "ENABLED", variants: { a: 1 } })
    })
    assert.strictEqual(exit, 2)
    assert.include(cli.said, "has variants or a rule of its own")
  })

  it("eval sends attributes as JSON where they are, and says what led to the answer", async () => {
    const body = {
      flag: "shop",
      environment: "production",
      value: true,
      variant: "on",
      reason: "TARGETING_MATCH",
      metadata: {},
      steps: [{ at: "/targeting/if/0/in", asked: "in", gave: "true", because: '"de", ["de"]' }]
    }
    const { request, printed } = await ask(
      [
        "flag",
        "eval",
        "shop",
        "--key",
        "ann",
        "--with",
        "age=30",
        "--with",
        "country=de",
        "--context",
        '{"age":1,"beta":true}'
      ],
      `POST ${FLAG}/evaluate`,
      { body }
    )
    assert.deepStrictEqual(request.body, { context: { age: 30, beta: true, country: "de", targetingKey: "ann" } })
    assert.include(printed, "shop in production: on true TARGETING_MATCH")
    assert.include(printed, "/targeting/if/0/in")
  })
})
