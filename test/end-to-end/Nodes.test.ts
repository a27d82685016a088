/** Three real nodes on one PostgreSQL: what is only right when they know of each other. */
import { assert, describe, it } from "@effect/vitest"
import { afterAll, beforeAll } from "vitest"
import { Nodes } from "../support/Nodes.ts"
import { Subscriber } from "../support/Subscriber.ts"
import { waitUntil } from "../support/waitUntil.ts"

let nodes: Nodes
beforeAll(async () => {
  nodes = await Nodes.start({ count: 3, env: { HEARTBEAT_INTERVAL: "1s", HEARTBEAT_TIMEOUT: "6s" } })
})
afterAll(() => nodes?.[Symbol.asyncDispose]())

const shown = async (service: string) => {
  const { body } = await nodes.servers[1]!.call("GET", `/v1/clients?environment=production&service=${service}`)
  return body.clients[0] as { state: string; node: string; ending: string; owner: string } | undefined
}
const shows = (service: string, state: string, node: string) =>
  waitUntil(`${service} to be ${state} at ${node}`, async () => {
    const client = await shown(service)
    return client?.state === state && client.node === node && client
  })
const at = (node: number, service: string, token = nodes.token) =>
  new Subscriber(nodes.servers[node]!.grpc, { token, service })

describe("nodes", () => {
  it("servers that start together on an empty database migrate it once and make one admin key", async () => {
    assert.strictEqual(nodes.tokens.length, 1)
    const { body } = await nodes.servers[2]!.call("GET", "/v1/keys")
    assert.strictEqual(body.keys.length, 1)
  })

  it("what is published at one node is applied at the clients of the others", async () => {
    const subscribers = [0, 1, 2].map((node) => at(node, `spread-${node}`))
    for (const node of [0, 1, 2])
      assert.strictEqual((await nodes.servers[1]!.publish(`spread-${node}`, "one")).status, 200)
    await waitUntil("all to have it", () => subscribers.every((one, node) => one.content(`spread-${node}`) === "one"))
    for (const one of subscribers) one.close()
  })

  it("NO1 an instance that connects elsewhere ends its older session within seconds, and is shown where it is", async () => {
    const older = at(0, "mover")
    await shows("mover", "connected", "n1")
    const newer = at(1, "mover")
    await shows("mover", "connected", "n2")
    await waitUntil("the older session to end", () => older.ended, 10_000)

    assert.strictEqual(older.error?.metadata.get("herald-code")[0], "HRLD-5002")
    const done = await nodes.servers[0]!.publish("mover", "one")
    assert.strictEqual(done.status, 200)
    await waitUntil("the newer to have it", () => newer.content("mover") === "one")
    assert.deepInclude(await shown("mover"), { state: "connected", node: "n2" })
    newer.close()
    await shows("mover", "disconnected", "n2")
  })

  it("OW1 OW2 an instance is one principal's at every node: another is turned away, a further key of the same one takes it over", async () => {
    const key = async (name: string, add = false) => {
      const wish = { name, role: "subscriber", environments: ["production"], add }
      const { status, body } = await nodes.servers[0]!.call("POST", "/v1/keys", wish)
      assert.strictEqual(status, 201)
      return body.token as string
    }
    const [hers, further, his] = [await key("her"), await key("her", true), await key("him")]
    const first = at(0, "owned", hers)
    await shows("owned", "connected", "n1")
    for (const node of [0, 1, 2]) {
      const stranger = at(node, "owned", his)
      await waitUntil("the other principal to be turned away", () => stranger.ended)
      assert.strictEqual(stranger.error?.metadata.get("herald-code")[0], "HRLD-5009")
      assert.deepInclude(await shown("owned"), { state: "connected", node: "n1", owner: "her" })
      assert.isFalse(first.ended)
    }
    assert.strictEqual((await nodes.servers[2]!.publish("owned", "one")).status, 200)
    await waitUntil("its owner to have it", () => first.content("owned") === "one")

    const second = at(2, "owned", further)
    await shows("owned", "connected", "n3")
    await waitUntil("the older session to end", () => first.ended)
    assert.strictEqual(first.error?.metadata.get("herald-code")[0], "HRLD-5002")
    await waitUntil("the newer to have it", () => second.content("owned") === "one")
    second.close()
    await shows("owned", "disconnected", "n3")
    const next = at(1, "owned", his) // it is free
    await shows("owned", "connected", "n2")
    assert.deepInclude(await shown("owned"), { owner: "him" })
    assert.isFalse(next.ended)
    next.close()
  })

  it("NO4 a template is tried for the clients of all nodes", async () => {
    const subscriber = at(0, "tried")
    await shows("tried", "connected", "n1")
    const refused = await waitUntil("the other node to know the client", async () => {
      const answer = await nodes.servers[2]!.publish("tried", "in {{client.region}}")
      return answer.status !== 200 && answer
    })
    assert.strictEqual(refused.body.code, "HRLD-1006")
    assert.include(JSON.stringify(refused.body), "tried/i1")
    subscriber.close()
  })

  it("A3 a key that is revoked at one node ends its streams at the others within 5 s, and signs nobody in", async () => {
    const made = await nodes.servers[0]!.call("POST", "/v1/keys", {
      name: "short",
      role: "subscriber",
      environments: ["production"]
    })
    assert.strictEqual(made.status, 201)
    const { token, key } = made.body
    const subscriber = at(1, "revoked", token)
    await shows("revoked", "connected", "n2")
    const start = performance.now()
    assert.isBelow((await nodes.servers[0]!.call("DELETE", `/v1/keys/${key.id}`)).status, 300)
    await waitUntil("the stream to end", () => subscriber.ended)

    assert.isBelow(performance.now() - start, 5_000)
    const again = at(2, "revoked", token)
    await waitUntil("the refusal", () => again.ended)
    assert.strictEqual(again.error?.code, 16)
  })

  it("NO2 the clients of a node that was killed are shown as lost", async () => {
    const subscriber = at(2, "orphan")
    await shows("orphan", "connected", "n3")
    await nodes.servers[2]!.end("SIGKILL")
    const lost = await shows("orphan", "timed_out", "n3")

    assert.strictEqual(lost.ending, "NodeLost")
    subscriber.close()
    await nodes.servers[2]!.start()
    const back = at(2, "orphan")
    await shows("orphan", "connected", "n3")
    back.close()
  })
})
