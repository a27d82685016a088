/** The verbs of scheduled changes, and --at of those that publish: what they ask of the server, and what they print. */
import { assert, describe, it } from "@effect/vitest"
import { FakeHerald } from "../../../support/FakeHerald.ts"
import { terminal } from "../../../support/Terminal.ts"
import { ask, kept } from "../../Ask.ts"

const MAKE = "POST /v1/schedules"
const DUE = Date.UTC(2026, 11, 1, 8)
const touch = (kind: string, key: string, expectedVersion: number | null) => ({ kind, key, expectedVersion })
const one = (changed: object = {}) => ({
  id: "s1042",
  environment: "production",
  state: "pending",
  dueAt: DUE,
  madeAt: 0,
  madeBy: "ann",
  message: "as announced",
  touches: [touch("flag", "shop", 7)],
  digest: "d",
  bytes: 10,
  revision: 1042,
  endedAt: null,
  endedBy: "",
  reason: "",
  ...changed
})
const scheduled = (changed: object = {}) => ({ ...one(changed), replayed: false })
const flag = (definition: unknown) => ({
  flag: "shop",
  environment: "production",
  version: 7,
  revision: 7,
  definition,
  deleted: definition === null,
  digest: "d",
  createdAt: 0,
  updatedAt: 0,
  updatedBy: "ann",
  message: ""
})

/** What `args` send to be scheduled, where the server has these. */
const sent = async (args: ReadonlyArray<string>, has: Readonly<Record<string, object>> = {}) => {
  await using herald = await FakeHerald.start()
  for (const [line, body] of Object.entries(has)) herald.on(line, { body })
  herald.on(MAKE, { body: scheduled() })
  const cli = terminal({ terminal: true })
  assert.strictEqual(await cli.run(...args, "--at", "+2h", "--server", herald.url), 0, cli.printed)
  assert.strictEqual(herald.last.line, MAKE)
  return herald.last.body
}

describe("--at", () => {
  it("verbs of flags send what they would publish, at the version that they read", async () => {
    const stored = { "GET /v1/flags/shop": flag({ enabled: true, percentage: 5 }) }
    const its = { flag: "shop", environment: "production" }
    assert.deepStrictEqual(await sent(["flag", "target", "shop", "--percentage", "50", "-m", "why"], stored), {
      at: "+2h",
      flags: [{ ...its, value: { enabled: true, percentage: 50 }, expectedVersion: 7 }],
      message: "why"
    })
    assert.deepStrictEqual(await sent(["flag", "disable", "shop", "--even-if-changed"], stored), {
      at: "+2h",
      flags: [{ ...its, value: { enabled: false, percentage: 5 } }],
      evenIfChanged: true
    })
    assert.deepStrictEqual(await sent(["flag", "set", "shop", '{"enabled":true}']), {
      at: "+2h",
      flags: [{ ...its, value: '{"enabled":true}' }]
    })
    assert.deepStrictEqual(await sent(["flag", "archive", "shop"]), { at: "+2h", flags: [{ ...its, value: null }] })
    const old = { "GET /v1/flags/shop/versions/3": flag({ enabled: false }) }
    assert.deepStrictEqual(await sent(["flag", "rollback", "shop", "--to", "3"], old), {
      at: "+2h",
      flags: [{ ...its, value: { enabled: false } }]
    })
    assert.deepStrictEqual(await sent(["segment", "create", "beta", "--user", "ann"]), {
      at: "+2h",
      segments: [{ segment: "beta", environment: "production", value: '{"targetUsers":["ann"]}', expectedVersion: 0 }]
    })
  })

  it("verbs of keys do, too, each as a release of one", async () => {
    const its = { key: "app", environment: "production" }
    assert.deepStrictEqual(await sent(["publish", "app", "1", "--type", "number", "-m", "why"]), {
      at: "+2h",
      changes: [{ ...its, value: "1", type: "number" }],
      message: "why"
    })
    assert.deepStrictEqual(await sent(["delete", "app", "--expected-version", "4"]), {
      at: "+2h",
      changes: [{ ...its, value: null, expectedVersion: 4 }]
    })
    const old = { ...kept, key: "app", value: "0.50", type: "number", strict: false }
    assert.deepStrictEqual(await sent(["rollback", "app", "--to", "2"], { "GET /v1/config/app/versions/2": old }), {
      at: "+2h",
      changes: [{ ...its, value: "0.50", type: "number", schema: null, strict: false }]
    })
  })

  it("says when it is done and how it is taken back, and refuses flags that can't go together", async () => {
    const { printed } = await ask(["flag", "archive", "shop", "--at", "+2h"], MAKE, {
      body: scheduled({
        touches: [touch("flag", "shop", 7), touch("configuration", "app", 0), touch("segment", "x", null)]
      })
    })
    assert.strictEqual(
      printed,
      [
        "scheduled s1042 for 2026-12-01T08:00:00Z in production",
        "  flag shop (at version 7)",
        "  app (new)",
        "  segment x (whatever is there)",
        "see it with herald schedule show s1042, take it back with herald schedule cancel s1042"
      ].join("\n")
    )
    for (const args of [
      ["publish", "app", "1", "--at", "+2h", "--wait"],
      ["publish", "app", "1", "--even-if-changed"]
    ]) {
      const cli = terminal()
      assert.strictEqual(await cli.run(...args, "--server", "http://127.0.0.1:1"), 2, cli.printed)
    }
  })
})

describe("herald schedule", () => {
  it("list has those that are next first, page by page", async () => {
    await using herald = await FakeHerald.start()
    herald.on(
      "GET /v1/schedules",
      { body: { schedules: [one()], next: "s1042" } },
      { body: { schedules: [one({ id: "s1043", dueAt: DUE - 1_000, message: "" })], next: null } }
    )
    const cli = terminal({ terminal: true })
    assert.strictEqual(await cli.run("schedule", "list", "--flag", "shop", "--server", herald.url), 0)
    assert.deepStrictEqual(
      herald.requests.map(({ query }) => query),
      [
        { environment: "production", state: "pending", flag: "shop", limit: "1000" },
        { environment: "production", state: "pending", flag: "shop", limit: "1000", after: "s1042" }
      ]
    )
    assert.strictEqual(
      cli.printed,
      [
        "ID     DUE                   STATE    CHANGES    BY   WHY",
        "s1043  2026-12-01T07:59:59Z  pending  flag shop  ann",
        "s1042  2026-12-01T08:00:00Z  pending  flag shop  ann  as announced"
      ].join("\n")
    )
    const none = await ask(["schedule", "list", "--state", "all"], "GET /v1/schedules", {
      body: { schedules: [], next: null }
    })
    assert.deepStrictEqual(none.request.query, { environment: "production", limit: "1000" })
    assert.include(none.printed, "nothing was scheduled in production")
  })

  it("show has what it is to do, and what that would change now, where one may ask", async () => {
    const whole = { ...one(), changes: [], flags: [{ flag: "shop", value: null }], segments: [] }
    const shown = async (preview: object | undefined, changed: object = {}) => {
      await using herald = await FakeHerald.start()
      herald.on("GET /v1/schedules/s1042", { body: { ...whole, ...changed } })
      if (preview !== undefined) herald.on("GET /v1/schedules/s1042/preview", { body: preview })
      const cli = terminal({ terminal: true })
      await cli.run("schedule", "show", "s1042", "--server", herald.url)
      return cli.printed
    }
    const problem = { code: "HRLD-2002", detail: "the flag shop is at version 8, not 7", fix: "" }
    assert.include(
      await shown({ changes: [], problem }),
      "now it would not be made: the flag shop is at version 8, not 7"
    )
    const good = await shown({ changes: [], problem: null })
    assert.include(good, "s1042 in production pending")
    assert.include(good, "flag shop goes away")
    assert.include(good, "now it would be")
    assert.include(await shown(undefined), "s1042 in production pending")
    const over = await shown(undefined, {
      state: "cancelled",
      endedAt: DUE,
      endedBy: "herald",
      reason: "it was changed"
    })
    assert.include(over, "it was changed")
    assert.include(over, "2026-12-01T08:00:00Z by herald")
  })

  it("cancel says what is not done", async () => {
    const { request, printed } = await ask(
      ["schedule", "cancel", "s1042", "--message", "off", "--env", "staging"],
      "DELETE /v1/schedules/s1042",
      { body: scheduled({ state: "cancelled", environment: "staging" }) }
    )
    assert.deepStrictEqual(request.query, { environment: "staging", message: "off" })
    assert.strictEqual(printed, "cancelled s1042, which was due 2026-12-01T08:00:00Z in staging")
  })
})
