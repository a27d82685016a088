/** The WebSocket `/v1/stream` on a node over memory twins. */

import { readFileSync } from "node:fs"
import { afterAll, afterEach, assert, beforeAll, describe, it } from "@effect/vitest"
import { Ajv2020 } from "ajv/dist/2020.js"
import { parse } from "yaml"
import { type Form, StreamClient } from "../../support/StreamClient.ts"
import { openHttp } from "../../support/WebSockets.ts"
import { waitUntil } from "../../support/waitUntil.ts"

let door: Awaited<ReturnType<typeof openHttp>>
const clients: Array<StreamClient> = []
const client = (
  token: string | undefined = door.token,
  options: ConstructorParameters<typeof StreamClient>[2] = {}
) => {
  const made = new StreamClient(`http://127.0.0.1:${door.port}`, token, options)
  clients.push(made)
  return made
}
const put = async (key: string, value: unknown) => {
  const answer = await door.call("PUT", `/v1/config/${key}?environment=production`, { value })
  assert.strictEqual(answer.status, 200, JSON.stringify(answer.body))
}
const listed = async (service: string) =>
  (await door.call("GET", `/v1/clients?environment=production&service=${service}`)).body.clients

beforeAll(async () => {
  door = await openHttp()
})
/** What is said and told is as the AsyncAPI document has it. */
const documented = (name: "said" | "told") => {
  const { components } = parse(readFileSync(new URL("../../../schema/stream.yaml", import.meta.url), "utf8"))
  return new Ajv2020({ strict: false }).compile({ components, $ref: `#/components/schemas/${name}` })
}
const fits = { said: documented("said"), told: documented("told") }
const seen = new Set<string>()
afterEach(() => {
  for (const one of clients.splice(0)) {
    one.close()
    for (const side of ["said", "told"] as const)
      for (const message of one.wire[side]) {
        assert.isTrue(fits[side](message), `${JSON.stringify(message)} ${JSON.stringify(fits[side].errors)}`)
        seen.add(`${side} ${Object.keys(message as object).at(-1)}`)
      }
  }
})
afterAll(async () => {
  await door.close()
  const all = ["said hello", "said subscribe", "said health", "told welcome", "told update", "told health"]
  assert.includeMembers([...seen], [...all, "told report", "told problem"])
})

describe("the WebSocket of configuration", () => {
  for (const form of ["json", "protobuf"] as ReadonlyArray<Form>)
    it(`YB6 in ${form}: a client has its value, hears of a change, and its answers are known`, async () => {
      const service = `svc-${form}`
      await put(service, { n: 1 })
      const one = client(door.token, { form })
      assert.strictEqual((await one.until("welcome")).name, "admin")
      one.subscribe({ serviceName: service, instanceId: "a" })
      const first = await one.content('{"n":1}')
      await one.synced()
      one.ack(first)
      await put(service, { n: 2 })
      const second = await one.content('{"n":2}')
      assert.isTrue(second.revision > first.revision)
      one.ack(second, "x is missing")
      const its = await waitUntil("what it answered", async () => {
        const [found] = await listed(service)
        return JSON.stringify(found)?.includes("x is missing") ? found : undefined
      })
      assert.strictEqual(its.state, "connected")
      const [key] = its.keys
      assert.strictEqual(key.applied.version, 1)
      assert.deepInclude(key.rejected, { version: 2, reason: "x is missing" })
    })

  it("YB6 health and reports are questions with an answer each, and what is wrong with one ends nothing", async () => {
    await put("asked", 1)
    const one = client()
    await one.until("welcome")
    const its = { serviceName: "asked", instanceId: "a", environment: "production" }
    one.subscribe(its)
    const first = await one.content("1")
    one.ack(first)
    const health = {
      ...its,
      epoch: first.epoch,
      revision: first.revision,
      health: 2,
      message: "slow",
      metrics: { p99: 1.5 }
    }
    one.say({ $case: "health", value: health as never }, 7)
    assert.deepStrictEqual(await one.until("health", 7), { accepted: true })
    one.raw('{"id":8,"health":{"serviceName":"","health":"HEALTH_HEALTHY"}}')
    const { problem } = await one.until("problem", 8)
    assert.strictEqual(problem?.code, "HRLD-1001")
    assert.match(problem?.detail ?? "", /service_name/)
    one.raw('{"id":9,"report":{"batchId":"batch-0001","environment":"production","sdk":"test/1"}}')
    await waitUntil("an answer", () => one.told.find(({ id }) => id === 9))
    const evaluation = { flag: "f", variant: "on", version: 1, reason: "STATIC", count: "3", lastAtMs: `${Date.now()}` }
    const report = {
      batchId: "batch-0002-of-a-test",
      environment: "production",
      sdk: "test/1",
      evaluations: [evaluation]
    }
    const flag = { state: "ENABLED", variants: { on: true }, defaultVariant: "on" }
    await door.call("PUT", "/v1/flags/f?environment=production", { value: flag })
    one.raw(JSON.stringify({ id: 10, report }))
    const answer = await waitUntil("an answer", () => one.told.find(({ id }) => id === 10))
    assert.strictEqual(answer.told?.$case, "report", JSON.stringify(answer))
    const [known] = await waitUntil("its health", async () => {
      const found = await listed("asked")
      return (found[0]?.health ?? null) === null ? undefined : found
    })
    assert.deepInclude(known.health, { health: "degraded", message: "slow" })
    assert.isUndefined(one.closed)
  })

  it("YB5 why a stream ends is its last message and its close; who is told to stay away is a word of it", async () => {
    const one = client()
    await one.until("welcome")
    one.subscribe({ serviceName: "same", instanceId: "i" })
    await one.synced()
    const other = client()
    await other.until("welcome")
    other.subscribe({ serviceName: "same", instanceId: "i" })
    await other.synced()
    const { problem, stayAway } = await one.until("problem")
    const { code, reason } = await one.ended()
    assert.isTrue(reason.startsWith(`${problem?.code}: `), reason)
    assert.strictEqual(code, 4409)
    assert.isTrue(stayAway)
    for (const wrong of ["{", '{"subscribe":{"serviceName":7}}', "x".repeat(400_000)]) {
      const bad = client()
      await bad.until("welcome")
      bad.raw(wrong)
      assert.include([4400, 1009], (await bad.ended()).code)
    }
  })

  it("YI1, YB7 serves who says a token or shows it in the header, and may subscribe; nobody else", async () => {
    assert.strictEqual((await client("hrld_aaaaaaaaaaaa_bbbb").ended()).code, 4401)
    assert.strictEqual((await client("hrtk_aaaa.bbbb").ended()).code, 4401)
    const unasked = client(undefined, { headers: { authorization: `Bearer ${door.token}` } })
    unasked.told.length = 0
    await unasked.until("welcome")
    const { token } = await door.mint("reader", "viewer")
    const { reason, code } = await client(token).ended()
    assert.strictEqual(code, 4403)
    assert.match(reason, /reader is a viewer/)
    const bare = client(door.token, { named: false })
    await bare.until("welcome")
    const nameless = new StreamClient(`http://127.0.0.1:${door.port}`, undefined)
    clients.push(nameless)
    await waitUntil("an open socket", () => nameless.socket.readyState === 1)
    nameless.subscribe()
    assert.strictEqual((await nameless.ended()).code, 4401)
  })

  it("YB7 a stream ends with the key that it came by", async () => {
    const { token, key } = await door.mint("leaver", "subscriber")
    const one = client(token)
    await one.until("welcome")
    one.subscribe({ serviceName: "left", instanceId: "i" })
    await one.synced()
    assert.strictEqual((await door.call("DELETE", `/v1/keys/${key.id}`)).status, 204)
    assert.match((await one.ended()).reason, /^HRLD-\d{4}: the API key .* is no longer (valid|good)/)
  })

  it("XT3 a ticket opens one stream, once, with the rights of who asked for it", async () => {
    const { token } = await door.mint("shop", "subscriber")
    const { status, body } = await door.call("POST", "/v1/stream/ticket", undefined, token)
    assert.strictEqual(status, 200)
    assert.match(body.ticket, /^hrtk_/)
    const one = client(body.ticket)
    assert.deepStrictEqual(await one.until("welcome"), { name: "shop" })
    const again = await client(body.ticket).ended()
    assert.strictEqual(again.code, 4401)
    assert.match(again.reason, /^HRLD-3111/)
    one.subscribe({ serviceName: "shop", instanceId: "page" })
    await one.synced()
    const { body: viewers } = await door
      .mint("looks", "viewer")
      .then(({ token }) => door.call("POST", "/v1/stream/ticket", undefined, token))
    assert.strictEqual(viewers.code, "HRLD-3002")
  })

  it("YB4 a flood of messages is read slowly, and costs others nothing", async () => {
    const flooder = client()
    await flooder.until("welcome")
    flooder.subscribe({ serviceName: "flood", instanceId: "i" })
    await flooder.synced()
    for (let n = 0; n < 20_000; n++) flooder.raw('{"subscribe":{"heartbeat":true}}')
    const other = client()
    await other.until("welcome")
    other.subscribe({ serviceName: "calm", instanceId: "i" })
    await other.synced()
    await put("calm", { n: 1 })
    await other.content('{"n":1}')
    assert.isUndefined(flooder.closed)
  })
})
