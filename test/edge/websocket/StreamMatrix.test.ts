/** Who may subscribe to what over `/v1/stream`, made from the one decision; and who is nobody there. As test/edge/http/Matrix.test.ts for the routes. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { decide, type Grant } from "../../../src/access/Decision.ts"
import { type Identity, roles } from "../../../src/access/Identity.ts"
import { type Form, StreamClient } from "../../support/StreamClient.ts"
import { openHttp } from "../../support/WebSockets.ts"
import { waitUntil } from "../../support/waitUntil.ts"

const scopes: Readonly<Record<string, Omit<Grant, "role">>> = {
  "": { environments: ["*"] },
  " in production": { environments: ["production"] },
  " in production of mine.*": { environments: ["production"], keys: ["mine.*"] },
  " of mine.* and config": { environments: ["*"], keys: ["mine.*"], kinds: ["config"] },
  " of flags": { environments: ["*"], kinds: ["flag"] }
}
const environments = ["production", "staging"]
const keys = ["mine.k", "other.k"]
const patterns = ["mine.*", "other.*"]

let door: Awaited<ReturnType<typeof openHttp>>
const known = new Map<string, { readonly identity: Identity; readonly token: string }>()
const open: Array<StreamClient> = []
let instances = 0
const client = (token: string | undefined, form: Form = "json", headers: Record<string, string> = {}) => {
  const made = new StreamClient(`http://127.0.0.1:${door.port}`, token, { form, headers })
  open.push(made)
  return made
}
const contentOf = (environment: string, key: string) => `${key} of ${environment}`

beforeAll(async () => {
  door = await openHttp()
  for (const role of roles)
    for (const [scope, its] of Object.entries(scopes)) {
      const name = `${role}${scope}`
      const { body, status } = await door.call("POST", "/v1/keys", { name: `m${known.size}`, role, ...its })
      assert.strictEqual(status, 201, JSON.stringify(body))
      known.set(name, { identity: { name, keyId: "k", role, ...its }, token: body.token })
    }
  for (const environment of environments)
    for (const key of keys) {
      const value = contentOf(environment, key)
      const { status } = await door.call("PUT", `/v1/config/${key}?environment=${environment}`, { value })
      assert.strictEqual(status, 200)
    }
})
afterAll(async () => {
  for (const one of open) one.close()
  await door.close()
})

/** What it was told, once it is known: its values, or why it ended. */
const ask = async (token: string, environment: string, asked: string, form: Form): Promise<string> => {
  const one = client(token, form)
  const end = () => one.closed && `${one.closed.code} ${one.closed.reason.slice(0, 9)}`
  await waitUntil("a welcome", () => one.told.length > 0 || end())
  if (end() === undefined) {
    one.subscribe({ serviceName: "matrix", instanceId: `i${instances++}`, environment, keys: [asked] })
    await waitUntil("a sync", () => one.updates.some(({ kind }) => kind === 2) || end())
  }
  const told = one.updates.flatMap(({ key, content }) => (key === "" ? [] : [`${key}: ${Buffer.from(content)}`]))
  one.close()
  return end() ?? (told.join() || "nothing")
}

/** By the one decision: all, what is within, or nothing at all. */
const expectedOf = (identity: Identity, environment: string, asked: string): string => {
  const may = (on: Parameters<typeof decide>[1]["on"], where: string | undefined = environment) =>
    decide(identity, { permission: "subscribe", environment: where, on }, 0).may
  const here = keys.filter((key) => asked === key || asked === `${key.split(".")[0]}.*`)
  const got = here.filter((key) => may({ kind: "config", key }))
  return got.length === 0 ? "4403 HRLD-3002" : got.map((key) => `${key}: ${contentOf(environment, key)}`).join()
}

describe("/v1/stream by every identity", () => {
  for (const form of ["json", "protobuf"] as const)
    it(`DN1 DN3 YB7 in ${form}: each role and grant, in its own and in another environment, for keys and patterns of its own and others`, async () => {
      const took: Record<string, string> = {}
      const expected: Record<string, string> = {}
      const asking = [...known].flatMap(([name, { identity, token }]) =>
        environments.map((environment) => async () => {
          for (const asked of [...keys, ...patterns]) {
            const who = `${name}: ${asked} in ${environment}`
            took[who] = await ask(token, environment, asked, form)
            expected[who] = expectedOf(identity, environment, asked)
          }
        })
      )
      // No address has more than 50 of whom nobody knows yet.
      while (asking.length > 0) await Promise.all(asking.splice(0, 20).map((one) => one()))
      assert.deepStrictEqual(took, expected)
      assert.isAbove(new Set(Object.values(expected)).size, 4)
    })

  it("YI1 XT2 XT3 XT4 revoked, expired, malformed and used: nobody is let in, and each is told why by its code", async () => {
    let minted = 0
    const mint = async (more: object = {}) => {
      const { body } = await door.call("POST", "/v1/keys", {
        ...{ name: `minted-${++minted}`, role: "subscriber", environments: ["*"] },
        ...more
      })
      assert.isString(body.token, JSON.stringify(body))
      return body as { readonly token: string; readonly key: { readonly id: string } }
    }
    const ticketOf = async (token: string): Promise<string> =>
      (await door.call("POST", "/v1/stream/ticket", undefined, token)).body.ticket
    const revoked = await mint()
    const ofRevoked = [await ticketOf(revoked.token), await ticketOf(revoked.token)] as const
    await door.call("DELETE", `/v1/keys/${revoked.key.id}`)
    const ends = Date.now() + 1_500
    const expiring = await mint({ expiresAt: ends })
    const ofExpired = [await ticketOf(expiring.token), await ticketOf(expiring.token)] as const
    const good = await mint()
    const used = await ticketOf(good.token)
    await client(used).until("welcome")
    const fresh = await ticketOf(good.token)
    const [head = "", mark = ""] = fresh.split(".")
    const flipped = `${mark[0] === "0" ? "1" : "0"}${mark.slice(1)}`
    await waitUntil("the end of a key", () => Date.now() > ends)
    const { token } = good
    const tokens: Readonly<Record<string, readonly [token: string | readonly [string, string], expected: string]>> = {
      "a key that was revoked": [revoked.token, "HRLD-3001"],
      "a key that ended": [expiring.token, "HRLD-3001"],
      "a key whose secret is another's": [`${token.slice(0, -1)}${token.endsWith("0") ? "1" : "0"}`, "HRLD-3001"],
      nothing: ["", "HRLD-3001"],
      "no key": ["Bearer", "HRLD-3001"],
      "a header in the token": [`Bearer ${token}`, "HRLD-3001"],
      "two lines": [`${token}\n${token}`, "HRLD-3001"],
      "a token with none of its algorithm": ["eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.", "HRLD-3001"],
      "the ticket of a key that was revoked": [ofRevoked, "HRLD-3001"],
      "the ticket of a key that ended": [ofExpired, "HRLD-3001"],
      "a ticket that was used": [used, "HRLD-3111"],
      "a ticket with another mark": [`${head}.${flipped}`, "HRLD-3001"],
      "a ticket without a mark": [head, "HRLD-3001"],
      "a ticket with more behind it": [`${fresh}0`, "HRLD-3001"],
      "a ticket that is long": [`${head}${"A".repeat(7_000)}.${mark}`, "HRLD-3001"]
    }
    const took: Record<string, string> = {}
    const expected: Record<string, string> = {}
    for (const [at, form] of (["json", "protobuf"] as const).entries())
      for (const [what, [given, code]] of Object.entries(tokens)) {
        const shown = typeof given === "string" ? given : given[at]!
        const { reason } = await client(shown, form).ended()
        took[`${what}, ${form}`] = reason.slice(0, 9)
        assert.notInclude(reason, shown === "" ? "\0" : shown)
        expected[`${what}, ${form}`] = code
      }
    assert.deepStrictEqual(took, expected)
    // It is still good where it counts, and nowhere else: neither in a header, nor at another door.
    assert.match((await client(undefined, "json", { authorization: `Bearer ${fresh}` }).ended()).reason, /^HRLD-3001/)
    for (const path of ["/v1/access/whoami", "/v1/config?environment=production", "/v1/events?environment=production"])
      assert.strictEqual((await door.call("GET", path, undefined, fresh)).status, 401, path)
    assert.strictEqual((await door.call("POST", "/v1/stream/ticket", undefined, fresh)).status, 401)
    await client(fresh).until("welcome")
  })

  it("XT3 of many who show one ticket at once, one is let in", async () => {
    const { token } = await door.mint("crowd", "subscriber")
    const { body } = await door.call("POST", "/v1/stream/ticket", undefined, token)
    const all = Array.from({ length: 20 }, (_, n) => client(body.ticket, n % 2 === 0 ? "json" : "protobuf"))
    await waitUntil("what each was told", () => all.every((one) => one.told.length > 0 || one.closed !== undefined))
    const welcome = all.filter((one) => one.told.some(({ told }) => told?.$case === "welcome"))
    assert.strictEqual(welcome.length, 1)
    for (const one of all) if (one !== welcome[0]) assert.match((await one.ended()).reason, /^HRLD-3111/)
  })
})
