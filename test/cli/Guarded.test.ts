/** What scripts and typos must not turn into something else, and what a dry run says of protections. */
import { assert, describe, it } from "vitest"
import { FakeHerald } from "../support/FakeHerald.ts"
import { terminal } from "../support/Terminal.ts"
import { ask, CONFIG, patch } from "./Ask.ts"

const protections = [{ name: "payments", environment: "production", approvals: 1, roles: ["publisher", "admin"] }]
const change = { key: "shop", environment: "production", difference: patch, clients: 2 }
const tried = (args: ReadonlyArray<string>, body: object = { changes: [change], protections }) =>
  ask(["publish", "shop", "5", "--dry-run", ...args], `POST ${CONFIG}/validate`, { body })

describe("a dry run of what is protected", () => {
  it("GU1 shows what would change, and ends as it would be refused", async () => {
    const { exit, printed, cli } = await tried([])
    assert.strictEqual(exit, 5)
    assert.include(printed, "nothing was written")
    assert.include(cli.said, "HRLD-3090")
    assert.include(cli.said, "needs a second person (payments: 1 of publisher, admin)")
    assert.include(cli.said, "herald change request publish shop 5 --server")
  })

  it("GU1 ends well where it would wait, where the glass is broken, and where nothing is in its way", async () => {
    const waits = await tried(["--request"])
    assert.strictEqual(waits.exit, 0)
    assert.include(waits.cli.said, "would wait for one")
    assert.strictEqual((await tried(["--break-glass", "fire"])).exit, 0)
    assert.strictEqual((await tried([], { changes: [change] })).exit, 0)
  })

  it("AQ13 says how many protections there are that one may not see, and is not green for want of a name", async () => {
    const hidden = await tried([], { changes: [change], hidden: 2 })
    assert.strictEqual(hidden.exit, 5)
    assert.include(hidden.cli.said, "needs a second person (2 more that you may not see)")
    const both = await tried([], { changes: [change], protections, hidden: 1 })
    assert.include(both.cli.said, "(payments: 1 of publisher, admin; and 1 more that you may not see)")
    const body = { may: true, rule: "keys", why: null, hidden: 1 }
    const { printed } = await ask(["access", "can-i", "publish", "shop"], "GET /v1/access/can-i", { body })
    assert.strictEqual(printed, "yes, with a second person (protection 1 more that you may not see), by keys")
  })

  it("AQ19 can-i says that it takes a second person", async () => {
    const body = { may: true, rule: "keys", why: null, protections }
    const { exit, printed } = await ask(["access", "can-i", "publish", "shop"], "GET /v1/access/can-i", { body })
    assert.deepStrictEqual(
      [exit, printed],
      [0, "yes, with a second person (protection payments: 1 of publisher, admin), by keys"]
    )
  })
})

const refused = async (args: ReadonlyArray<string>) => {
  await using herald = await FakeHerald.start()
  const cli = terminal({ terminal: true })
  const exit = await cli.run(...args, ...(args.includes("--server") ? [] : ["--server", herald.url]))
  return { exit, requests: herald.requests.length, said: cli.said }
}

describe("what is empty", () => {
  for (const args of [
    ...[
      ["change", "show", ""],
      ["change", "apply", ""],
      ["change", "withdraw", ""],
      ["protect", "remove", ""]
    ],
    ...[
      ["get", ""],
      ["flag", "get", ".."],
      ["history", "."]
    ]
  ])
    it(`CH7 ${args.map((arg) => arg || "''").join(" ")} asks for nothing else`, async () => {
      const { exit, requests, said } = await refused(args)
      assert.deepStrictEqual([exit, requests], [2, 0], said)
    })

  for (const args of [
    ...[
      ["access", "whoami", "--token", ""],
      ["access", "whoami", "--token="],
      ["get", "shop", "--env", ""]
    ],
    ...[
      ["publish", "shop", "5", "--break-glass", ""],
      ["list", "--server", ""],
      ["list", "--server", "ftp://x"]
    ]
  ])
    it(`TA7 ${args.map((arg) => arg || "''").join(" ")} is wrong usage`, async () => {
      const { exit, requests, said } = await refused(args)
      assert.deepStrictEqual([exit, requests], [2, 0], said)
    })
})

describe("what contradicts itself", () => {
  for (const args of [
    ["access", "can-i", "read", "x", "--everywhere", "--env", "production"],
    ["access", "can-i", "read-audit", "x"],
    ["access", "can-i", "manage-topics", "x"],
    ["change", "request", "get", "shop"],
    ["change", "review", "c9"]
  ])
    it(`${args.join(" ")} is refused before anything is asked`, async () => {
      const { exit, requests, said } = await refused(args)
      assert.deepStrictEqual([exit, requests], [2, 0], said)
    })

  it("AQ2 a wrong digest is not answered with the right one", async () => {
    const digest = "49d6c6e75ae9".padEnd(64, "0")
    const args = ["change", "approve", "c3", "--digest", "000000000000"]
    const { exit, cli } = await ask(args, "GET /v1/changes/c3", { body: { id: "c3", digest }, strange: true })
    assert.strictEqual(exit, 2)
    assert.notInclude(cli.said, digest.slice(0, 8))
    assert.include(cli.said, "herald change show c3")
  })
})

describe("an environment that is not there", () => {
  const self = {
    ...{ name: "ann", keyId: "k", by: "key", role: "admin", environments: ["*"], topics: ["*"], permissions: [] },
    ...{ keys: ["*"], kinds: ["config", "flag", "segment"], until: null, untilTime: null }
  }
  const all = { environments: [{ environment: "production", keys: 3 }] }
  const run = async (args: ReadonlyArray<string>, keys: ReadonlyArray<object> = []) => {
    await using herald = await FakeHerald.start()
    herald.on("GET /v1/environments", { body: all })
    herald.on("GET /v1/access/whoami", { body: self, strange: true })
    for (const [path, name] of [
      ["config", "keys"],
      ["values", "values"],
      ["flags", "flags"],
      ["segments", "segments"]
    ] as const)
      herald.on(`GET /v1/${path}`, { body: { [name]: path === "config" ? keys : [], next: null } })
    const cli = terminal({ terminal: true })
    const exit = await cli.run(...args, "--server", herald.url)
    return { exit, said: cli.said }
  }
  for (const [args, flag] of [
    [["export", "--env", "prodution", "--yes"], "--env production"],
    [["compare", "--env", "prodution", "--with", "production"], "--env production"],
    [["promote", "a", "--from", "prodution", "--to", "production", "--yes"], "--from production"]
  ] as const)
    it(`NE2 ${args.join(" ")} is refused with the one that is near`, async () => {
      const { exit, said } = await run(args)
      assert.notStrictEqual(exit, 0)
      assert.include(said, "there is no environment prodution")
      assert.include(said, `Did you mean ${flag}?`)
    })
})
