/** Who may what, over HTTP: what is said is what is done. */
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { startRoutes } from "./Harness.ts"

let door: Awaited<ReturnType<typeof startRoutes>>
beforeAll(async () => {
  door = await startRoutes()
})
afterAll(() => door.dispose())

const narrow = async (name: string, its: object) => {
  const body = { name, role: "publisher", environments: ["production"], ...its }
  const made = await door.call("POST", "/v1/keys", { as: "admin", body })
  assert.strictEqual(made.status, 201)
  return { id: made.body.key.id as string, key: made.body.key, authorization: `Bearer ${made.body.token}` }
}
const asked = async (authorization: string, query: string) =>
  (await door.call("GET", `/v1/access/can-i?${query}`, { as: "nobody", headers: { authorization } })).body

describe("/v1/access", () => {
  it("KO1 a key is made with its keys and kinds, is told of them, and who manages keys is, too", async () => {
    const { id, key, authorization } = await narrow("payments", { keys: ["payments.*"], kinds: ["config", "flag"] })
    assert.deepInclude(key, { keys: ["payments.*"], kinds: ["config", "flag"] })
    const { body } = await door.call("GET", "/v1/access/whoami", { as: "nobody", headers: { authorization } })
    assert.deepInclude(body, {
      ...{ name: "payments", keyId: id, by: "key", role: "publisher", until: null },
      ...{ environments: ["production"], keys: ["payments.*"], kinds: ["config", "flag"], topics: [] }
    })
    assert.include(body.permissions, "config.write")
    const grants = await door.call(
      "GET",
      "/v1/access/grants?permission=config.write&environment=production&key=payments.db",
      { as: "admin" }
    )
    const its = (grants.body.grants as ReadonlyArray<{ id: string; answer: unknown }>).find((one) => one.id === id)
    assert.deepInclude(its, { answer: { may: true, rule: "keys", why: null } })
    assert.notInclude(JSON.stringify(grants.body), "hash")
  })

  it("DN3 what can-i says is what the doors do", async () => {
    const { authorization } = await narrow("half", { keys: ["half.*", "other"], kinds: ["config"] })
    for (const key of ["half.a", "half", "other", "others", "half.a.b"]) {
      const said = await asked(authorization, `permission=config.write&environment=production&key=${key}`)
      const { status, body } = await door.call("PUT", `/v1/config/${key}?environment=production`, {
        as: "nobody",
        headers: { authorization },
        body: { value: 1 }
      })
      assert.strictEqual(status, said.may ? 200 : 403, key)
      if (said.may) continue
      assert.deepInclude(body, { code: "HRLD-3002", detail: said.why })
      assert.strictEqual(said.rule, "keys")
      assert.include(said.why, "with the keys half.*, other of the kinds config")
    }
  })

  it("AQ19 what is protected is told of by can-i and by each dry run, as the commit is refused", async () => {
    const environment = "guarded"
    const IN = `environment=${environment}`
    for (const [name, keys, kinds] of [
      ["p", ["pay.*"], ["config"]],
      ["f", ["*"], ["flag"]]
    ] as const) {
      const body = { keys, kinds, approvals: 2, roles: ["admin"] }
      assert.strictEqual((await door.call("PUT", `/v1/protections/${name}?${IN}`, { as: "admin", body })).status, 200)
    }
    const yes = { may: true, rule: "environment", why: null }
    const guard = (name: string) => [{ name, environment, approvals: 2, roles: ["admin"] }]
    const may = async (query: string) =>
      (await door.call("GET", `/v1/access/can-i?permission=config.write&${IN}${query}`, { as: "admin" })).body
    assert.deepStrictEqual(await may("&key=pay.a"), { ...yes, protections: guard("p") })
    assert.deepInclude(await may("&key=pay.a.*"), { protections: guard("p") })
    assert.deepInclude(await may("&key=*"), { protections: guard("p") })
    assert.deepInclude(await may("&key=x&kind=flag"), { protections: guard("f") })
    assert.notProperty(await may("&key=pay"), "protections")
    const tried = async (path: string, body: object) =>
      (await door.call("POST", `/v1/${path}`, { as: "admin", body })).body.protections
    const change = (key: string) => ({ changes: [{ key, environment, value: 1 }] })
    const flag = { state: "ENABLED", variants: { on: 1, off: 0 }, defaultVariant: "on" }
    assert.deepStrictEqual(await tried(`config/pay.a/validate?${IN}`, { value: 1 }), guard("p"))
    assert.deepStrictEqual(await tried(`flags/f/validate?${IN}`, { value: flag }), guard("f"))
    assert.deepStrictEqual(await tried("releases?dryRun=true", change("pay.a")), guard("p"))
    assert.deepStrictEqual(await tried("schedules?dryRun=true", { ...change("pay.a"), at: "+2h" }), guard("p"))
    assert.isUndefined(await tried("releases?dryRun=true", change("free")))
    assert.isUndefined(await tried("releases?dryRun=true&breakGlass=fire", change("pay.a")))
    const real = await door.call("PUT", `/v1/config/pay.a?${IN}`, { as: "admin", body: { value: 1 } })
    assert.strictEqual(real.body.code, "HRLD-3090")
  })

  it("PN6 a further key of nobody is refused with who is near", async () => {
    await narrow("deployer", {})
    const body = { name: "deployr", role: "publisher", environments: ["production"], add: true }
    const made = await door.call("POST", "/v1/keys", { as: "admin", body })
    assert.strictEqual(made.status, 404)
    assert.include(made.body.detail, "did you mean deployer?")
    const further = await door.call("POST", "/v1/keys", { as: "admin", body: { ...body, name: "deployer" } })
    assert.strictEqual(further.status, 201)
  })

  it("FF7 a feed of what one may touch nothing of is refused, as a read of it is", async () => {
    const { authorization } = await narrow("feeds", { keys: ["feeds.*"], kinds: ["config"] })
    const { status, body } = await door.call("GET", "/v1/events?environment=production&pattern=others", {
      as: "nobody",
      headers: { authorization }
    })
    assert.deepStrictEqual([status, body.code], [403, "HRLD-3002"])
  })

  it("RF1 what a use case refuses counts as what the door refuses", async () => {
    const { authorization } = await narrow("counted", { keys: ["counted.*"] })
    const counted = async () => {
      const { text } = await door.call("GET", "/metrics", { as: "nobody" })
      // Tests of other doors may have counted in this process, too.
      const all = text.matchAll(/herald_refused_total\{[^}]*reason="no_permission"[^}]*\} (\d+)/g)
      return [...all].reduce((sum, [, one]) => sum + Number(one), 0)
    }
    const before = await counted()
    for (const key of ["counted.a", "other"])
      await door.call("GET", `/v1/config/${key}?environment=production`, { as: "nobody", headers: { authorization } })
    assert.strictEqual((await counted()) - before, 1)
  })

  it("AO1 the audit log of an environment has the entries of one's own keys, and the whole one is for nobody who is narrowed", async () => {
    const { authorization } = await narrow("auditor", { role: "admin", keys: ["audited.*"], kinds: ["config"] })
    for (const key of ["audited.a", "unaudited"])
      await door.call("PUT", `/v1/config/${key}?environment=production`, { as: "admin", body: { value: 1 } })
    const read = (query: string, by = authorization) =>
      door.call("GET", `/v1/audit${query}`, { as: "nobody", headers: { authorization: by } })
    const own = await read("?environment=production&limit=1")
    assert.deepStrictEqual(
      (own.body.entries as ReadonlyArray<{ configId: string }>).map(({ configId }) => configId),
      ["production/audited.a"]
    )
    for (const query of ["", "/verify", "/export", "/key"]) assert.strictEqual((await read(query)).status, 403, query)
    const flags = await narrow("other-auditor", { role: "admin", kinds: ["flag"] })
    assert.strictEqual((await read("?environment=production", flags.authorization)).status, 403)
  })

  it("each rule is told by its name, and what is no question is refused", async () => {
    const { authorization } = await narrow("rules", { keys: ["a"], kinds: ["config"] })
    const rule = async (query: string) => {
      const { may, rule } = await asked(authorization, query)
      return `${may} ${rule}`
    }
    assert.deepStrictEqual(
      [
        await rule("permission=config.read&environment=production&key=a"),
        await rule("permission=config.read&environment=production&key=b"),
        await rule("permission=config.read&environment=production&kind=config"),
        await rule("permission=config.read&environment=production&kind=flag&key=a"),
        await rule("permission=config.read&environment=production"),
        await rule("permission=config.read&environment=staging&key=a"),
        await rule("permission=config.read&key=a"),
        await rule("permission=config.read&environment=production&key=a.*"),
        await rule("permission=keys.manage"),
        await rule("permission=topics.publish&topic=orders")
      ],
      [
        ...["true keys", "false keys", "true keys", "false kinds", "false kinds"],
        ...["false environment", "false environment", "false keys", "false role", "false topics"]
      ]
    )
    for (const query of [
      "",
      "permission=config",
      "permission=config.read&kind=topic",
      "permission=topics.read&topic=a%20b"
    ])
      assert.strictEqual((await asked(authorization, query)).code, "HRLD-1001", query)
    assert.match((await asked(authorization, "permission=config.read&key=a%20b")).detail, /is not a key, a key and/)
    for (const body of [{ keys: [] }, { keys: ["a*"] }, { kinds: ["x"] }, { kinds: ["config", "config"] }])
      assert.strictEqual(
        (
          await door.call("POST", "/v1/keys", {
            as: "admin",
            body: { name: "bad", role: "viewer", environments: ["*"], ...body }
          })
        ).status,
        400
      )
  })
})
