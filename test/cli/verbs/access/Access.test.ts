/** `herald access`: what it asks, and what it says of the answer. */
import { assert, describe, it } from "vitest"
import { terminal } from "../../../support/Terminal.ts"
import { ask } from "../../Ask.ts"

const WHY = "ann is a publisher in production with the keys payments.*; this needs config.write"
const can = (args: ReadonlyArray<string>, body: object = { may: true, rule: "keys", why: null }, options = {}) =>
  ask(["access", "can-i", ...args], "GET /v1/access/can-i", { body }, options)

describe("herald access", () => {
  it("can-i asks in the words of the server, and says yes and no by its exit code", async () => {
    const yes = await can(["publish", "payments.db", "--env", "staging"])
    assert.deepStrictEqual([yes.exit, yes.printed], [0, "yes, by keys"])
    assert.deepStrictEqual(yes.request.query, {
      permission: "config.write",
      environment: "staging",
      key: "payments.db"
    })
    const no = await can(["publish", "orders.db"], { may: false, rule: "keys", why: WHY })
    assert.deepStrictEqual([no.exit, no.printed], [1, `no, by keys: ${WHY}`])
    assert.notInclude(no.cli.said, WHY, "once is enough")
    const json = await can(["read", "a", "--output", "json"], { may: false, rule: "role", why: WHY })
    assert.deepStrictEqual([json.exit, JSON.parse(json.printed)], [1, { may: false, rule: "role", why: WHY }])
  })

  it("each deed has its permission, and what is about everything names no key", async () => {
    const query = async (...args: ReadonlyArray<string>) => (await can(args)).request.query
    assert.deepStrictEqual(await query("rollback", "a", "--kind", "flag"), {
      ...{ permission: "config.write", environment: "production", kind: "flag", key: "a" }
    })
    assert.deepStrictEqual(await query("read", "--everywhere"), { permission: "config.read" })
    assert.deepStrictEqual(await query("manage-keys"), { permission: "keys.manage" })
    assert.deepStrictEqual(await query("read-audit"), { permission: "audit.read" })
    assert.deepStrictEqual(await query("publish", "--topic", "orders"), {
      permission: "topics.publish",
      topic: "orders"
    })
    assert.deepStrictEqual(await query("subscribe", "--topic", "orders"), {
      permission: "topics.consume",
      topic: "orders"
    })
    assert.deepStrictEqual(await query("manage-topics"), { permission: "topics.manage" })
  })

  it("what is no question is refused before anything is asked", async () => {
    for (const args of [
      ["can-i", "fly"],
      ["can-i", "rollback", "--topic", "orders"],
      ["can-i", "read", "a", "--topic", "orders"],
      ["list", "payments.db"]
    ]) {
      const cli = terminal()
      assert.strictEqual(await cli.run("access", ...args), 2, args.join(" "))
    }
  })

  it("whoami and list show what is had", async () => {
    const rights = {
      role: "publisher",
      environments: ["production"],
      keys: ["payments.*"],
      kinds: ["config"],
      topics: []
    }
    const self = {
      name: "ann",
      keyId: "k1",
      by: "key",
      ...rights,
      permissions: ["config.read"],
      called: "ann@x.org",
      notes: ["rule 1 was passed over"],
      until: null,
      untilTime: null
    }
    const who = await ask(["access", "whoami"], "GET /v1/access/whoami", { body: self })
    assert.include(who.printed, "role          publisher in production")
    assert.include(who.printed, "kinds         config")
    const grant = (id: string, may: boolean) => ({
      ...{
        id,
        name: `the ${id}`,
        ...rights,
        expiresAt: null,
        expiresTime: null,
        answer: { may, rule: "keys", why: null }
      }
    })
    const args = ["access", "list", "--for", "publish", "payments.db", "--env", "production"]
    const list = await ask(args, "GET /v1/access/grants", { body: { grants: [grant("k1", true), grant("k2", false)] } })
    assert.deepStrictEqual(list.request.query, {
      ...{ permission: "config.write", environment: "production", key: "payments.db" }
    })
    assert.include(list.printed, "the k1")
    assert.notInclude(list.printed, "the k2")
  })

  it("key create takes keys and kinds, several at once or one by one", async () => {
    const args = ["key", "create", "ci", "--role", "viewer", "--env", "*", "--keys", "a.*,b", "--keys", "c"]
    const made = { createdAt: 0, createdBy: "admin", expiresAt: null, revokedAt: null }
    const key = { id: "k", name: "ci", role: "viewer", environments: ["*"], keys: ["a.*", "b", "c"], ...made }
    const { request, printed } = await ask([...args, "--kinds", "config, flag"], "POST /v1/keys", {
      body: { token: "t", key }
    })
    assert.deepInclude(request.body as object, { keys: ["a.*", "b", "c"], kinds: ["config", "flag"] })
    assert.include(printed, "a.*, b, c")
  })
})
