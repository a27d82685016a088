/** Change requests and protections in the hands of somebody whose rights end at some keys and kinds. */
import { assert, describe, it } from "@effect/vitest"
import { afterAll, beforeAll } from "vitest"
import { startRoutes } from "../Harness.ts"

const IN = "environment=production"
const HEADERS = { "herald-request": "yes" }

let door: Awaited<ReturnType<typeof startRoutes>>
const who: Record<string, Record<string, string>> = {}
beforeAll(async () => {
  door = await startRoutes()
  for (const [name, rights] of [
    ["pay", { role: "publisher", keys: ["pay.*"] }],
    ["pay-config", { role: "publisher", keys: ["pay.*"], kinds: ["config"] }],
    ["flags", { role: "publisher", kinds: ["flag"] }]
  ] as const) {
    const { body } = await door.call("POST", "/v1/keys", { body: { name, environments: ["*"], ...rights } })
    who[name] = { authorization: `Bearer ${body.token}` }
  }
  for (const key of ["pay.a", "other"])
    assert.strictEqual((await door.call("PUT", `/v1/config/${key}?${IN}`, { body: { value: 1 } })).status, 200)
  const value = { state: "ENABLED", variants: { on: 1, off: 0 }, defaultVariant: "on" }
  assert.strictEqual((await door.call("PUT", `/v1/flags/pay.f?${IN}`, { body: { value } })).status, 200)
})
afterAll(() => door.dispose())

const asked = async (method: string, path: string, body?: object) => {
  const made = await door.call(method, path, {
    as: "publisher",
    headers: HEADERS,
    ...(body === undefined ? {} : { body })
  })
  assert.strictEqual(made.status, 202, made.text)
  return made.body.change as string
}
const seenBy = async (name: string, id: string) => {
  const headers = who[name]!
  const { body } = await door.call("GET", `/v1/changes?${IN}`, { as: "nobody", headers })
  const listed = (body.changes as ReadonlyArray<{ readonly id: string }>).some((one) => one.id === id)
  const { status } = await door.call("GET", `/v1/changes/${id}?${IN}`, { as: "nobody", headers })
  assert.strictEqual(status, listed ? 200 : 404, "the list and the one agree")
  return listed
}
const seen = async (id: string) => [await seenBy("pay", id), await seenBy("pay-config", id), await seenBy("flags", id)]

describe("what one may not see", () => {
  it("AQ13 is not there: requests of keys, of kinds, and of what ends or moves what is about others", async () => {
    const at = { plan: { stages: "10%,100%" }, environment: "production" }
    const schedule = async (key: string) => {
      const body = { at: "+2h", changes: [{ key, environment: "production", value: 2 }] }
      return (await door.call("POST", "/v1/schedules", { body })).body.id as string
    }
    const [mine, foreign] = [await schedule("pay.a"), await schedule("other")]
    assert.match(mine, /^s\d+$/)
    const experiment = {
      flag: "pay.f",
      arms: [
        { variant: "off", share: 50 },
        { variant: "on", share: 50 }
      ],
      metrics: [{ kind: "conversion", event: "e" }]
    }
    for (const [id, ...expected] of [
      [await asked("PUT", `/v1/config/pay.a?${IN}`, { value: 3 }), true, true, false],
      [await asked("PUT", `/v1/config/other?${IN}`, { value: 3 }), false, false, false],
      [await asked("DELETE", `/v1/flags/pay.f?${IN}`), true, false, true],
      [await asked("POST", "/v1/rollouts", { ...at, changes: [{ key: "pay.a", value: 3 }] }), true, false, false],
      [await asked("DELETE", `/v1/schedules/${mine}?${IN}`), true, true, false],
      [await asked("DELETE", `/v1/schedules/${foreign}?${IN}`), false, false, false],
      [await asked("POST", `/v1/experiments/x/start?${IN}`, experiment), true, false, false],
      [await asked("PUT", `/v1/flag-settings?${IN}`, { value: { bucketing: "v2" } }), false, false, true]
    ] as const)
      assert.deepStrictEqual(await seen(id), expected, (await door.call("GET", `/v1/changes/${id}?${IN}`)).text)
  })

  it("AQ13 is not told of a protection: as much of it as is one's own, page by page", async () => {
    const protect = async (name: string, body: object) =>
      assert.strictEqual(
        (await door.call("PUT", `/v1/protections/${name}?${IN}`, { body: { approvals: 1, ...body } })).status,
        200
      )
    await protect("a", { keys: ["pay.*", "secret.*"] })
    await protect("b", { keys: ["secret.*"], kinds: ["config"] })
    await protect("c", { keys: ["*"], kinds: ["config", "flag"] })
    const told = async (name: string, more = "") => {
      const { body } = await door.call("GET", `/v1/protections?${IN}${more}`, { as: "nobody", headers: who[name]! })
      return [
        body.protections.map((one: { name: string; keys: unknown; kinds: unknown }) => [one.name, one.keys, one.kinds]),
        body.next
      ]
    }
    assert.deepStrictEqual(await told("pay"), [
      [
        ["a", ["pay.*"], null],
        ["c", ["pay.*"], ["config", "flag"]]
      ],
      null
    ])
    assert.deepStrictEqual(await told("pay-config"), [
      [
        ["a", ["pay.*"], ["config"]],
        ["c", ["pay.*"], ["config"]]
      ],
      null
    ])
    assert.deepStrictEqual(await told("flags"), [
      [
        ["a", ["pay.*", "secret.*"], ["flag"]],
        ["c", ["*"], ["flag"]]
      ],
      null
    ])
    assert.deepStrictEqual(await told("pay", "&limit=1"), [[["a", ["pay.*"], null]], "a"])
    assert.deepStrictEqual(await told("pay", "&limit=1&after=a"), [[["c", ["pay.*"], ["config", "flag"]]], "c"])
    assert.deepStrictEqual(await told("pay", "&limit=1&after=c"), [[], null])
  })

  it("AQ22 AQ13 is not named to whom it stands in the way of: in a refusal, a dry run and can-i", async () => {
    const STAGING = "environment=staging"
    const value = { enabled: true }
    const put = (key: string, value: object, as?: string) =>
      door.call("PUT", `/v1/flags/${key}?${STAGING}`, {
        body: { value },
        ...(as === undefined ? {} : { as: "nobody" as const, headers: who[as]! })
      })
    assert.strictEqual((await put("pay.f", value)).status, 200)
    const needs = { prerequisites: [{ flag: "pay.f", variant: "on" }] }
    assert.strictEqual((await put("project-x", { enabled: true, ...needs })).status, 200)
    const made = await door.call("PUT", `/v1/protections/secret-project?${STAGING}`, {
      body: { keys: ["project-x"], approvals: 1 }
    })
    assert.strictEqual(made.status, 200, made.text)
    const asks = {
      refused: () => put("pay.f", { enabled: false }, "pay"),
      tried: () =>
        door.call("POST", `/v1/flags/pay.f/validate?${STAGING}`, {
          body: { value: { enabled: false } },
          as: "nobody",
          headers: who["pay"]!
        }),
      "can-i": () =>
        door.call("GET", `/v1/access/can-i?permission=config.write&${STAGING}&kind=flag&key=pay.f`, {
          as: "nobody",
          headers: who["pay"]!
        })
    }
    for (const [name, ask] of Object.entries(asks)) {
      const { status, text, body } = await ask()
      assert.notInclude(text, "project", name)
      if (name === "refused") {
        assert.deepStrictEqual([status, body.code, body.details.hidden], [409, "HRLD-3090", 1], text)
        assert.include(text, "that you may not see")
      } else assert.deepStrictEqual([status, body.hidden, body.protections], [200, 1, undefined], text)
    }
    // Whoever may see it is told.
    const told = await put("pay.f", { enabled: false })
    assert.include(told.text, "the flag project-x in staging is protected by secret-project")
  })
})
