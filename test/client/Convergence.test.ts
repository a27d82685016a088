/** SDK3 as a property: whatever the network and the node do, a client never goes back, and ends with the newest. */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, it } from "@effect/vitest"
import { digestOf } from "../../layers/Crypto/values/Sha256.ts"
import type { ConfigUpdate, SubscribeRequest } from "../../proto/generated/herald/distribution/v1/distribution.ts"
import { HeraldClient } from "../../src/client/HeraldClient.ts"
import { FakeClock } from "../support/FakeClock.ts"
import { FakeNode } from "../support/FakeNode.ts"
import { connected, FakeTransport } from "../support/FakeTransport.ts"
import { deleted, delta, synced, value } from "../support/Said.ts"
import { turn } from "../support/turn.ts"

/** https://en.wikipedia.org/wiki/Xorshift: a failure repeats with its seed. */
const chance = (seed: number) => {
  let x = seed * 2_654_435_761 || 1
  return (below: number) => {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    return Math.abs(x) % below
  }
}

const keys = ["shop", "shop.a", "shop.b"]

/** A server's truth: the newest content of each key, and what it says to a client that holds something. */
class Truth {
  epoch = 1
  revision = 0
  readonly newest = new Map<
    string,
    { readonly revision: number; readonly content: unknown; readonly former: unknown }
  >()

  publish(key: string, content: unknown): void {
    this.revision++
    this.newest.set(key, { revision: this.revision, content, former: this.newest.get(key)?.content })
  }

  say(key: string, asDelta: boolean): Partial<ConfigUpdate> {
    const { revision, content, former } = this.newest.get(key)!
    const epoch = `e${this.epoch}`
    if (content === undefined) return deleted(key, revision, epoch)
    if (!asDelta || former === undefined) return value(key, revision, content, { epoch })
    return { ...delta(key, revision, former, [{ op: "replace", path: "", value: content }], content), epoch }
  }

  differing(hello: SubscribeRequest): Array<string> {
    const held = new Map(hello.held.map(({ key, digest }) => [key, digest]))
    return [...this.newest].flatMap(([key, { content }]) =>
      held.get(key) === (content === undefined ? undefined : digestOf(JSON.stringify(content))) ? [] : [key]
    )
  }
}

const run = async (seed: number) => {
  const below = chance(seed)
  const truth = new Truth()
  const clock = new FakeClock()
  const { client, transport } = await connected([], { reconnect: { capMillis: 500 } }, clock, new FakeTransport())
  const old: Array<Partial<ConfigUpdate>> = []
  let open = true
  const seen = new Map<string, { epoch: string; revision: number }>()
  client.watch("shop.*", { apply: async () => void (below(2) && (await turn())) })

  const look = () => {
    for (const key of keys) {
      const entry = client.getEntry(key)
      const before = seen.get(key)
      if (entry === undefined) continue
      if (before !== undefined && before.epoch === entry.epoch) {
        assert.isTrue(entry.revision >= before.revision, `seed ${seed}: ${key} went back to ${entry.revision}`)
      }
      seen.set(key, { epoch: entry.epoch, revision: entry.revision })
    }
  }
  const reconnect = async () => {
    const count = transport.streams.length
    while (transport.streams.length === count) await clock.advance(500)
    open = true
    const { hello } = transport.last
    for (const key of truth.differing(hello)) transport.say(truth.say(key, false))
    transport.say(synced(truth.revision, { epoch: `e${truth.epoch}` }))
  }

  for (let step = 0; step < 60; step++) {
    const key = keys[below(3)]!
    switch (below(8)) {
      case 0:
      case 1:
      case 2: {
        truth.publish(key, below(6) === 0 ? undefined : { n: step, of: key })
        const update = truth.say(key, below(2) === 0)
        old.push(update)
        if (open && client.state === "live") transport.say(update)
        break
      }
      case 3: // a repetition, or something long past
        if (open && old.length > 0) transport.say(old[below(old.length)]!)
        break
      case 4:
        if (open) transport.end()
        open = false
        break
      case 5:
        if (!open || client.state !== "live") await reconnect()
        break
      case 6:
        await turn()
        break
      default:
        if (below(10) === 0) {
          // restored from a backup: history is lost, and old messages with it
          truth.epoch++
          old.length = 0
          if (open) transport.end()
          open = false
        }
    }
    look()
    if (client.state !== "live") open = false
  }
  if (client.state !== "live") await reconnect()
  await client.settled()
  if (client.state !== "live") await reconnect()
  await client.settled()
  look()

  for (const key of keys) {
    assert.deepStrictEqual(client.getEntry(key)?.value, truth.newest.get(key)?.content, `seed ${seed}: ${key}`)
  }
  await client.close()
}

it("SDK3: any interleaving of updates, repetitions, deltas, losses and lost histories converges, never going back", async () => {
  for (let seed = 1; seed <= 300; seed++) await run(seed)
})

/** A whole node: doubts, labels, sizes, refusals, lost histories, restarts from disk. */
const live = async (seed: number, directory: string) => {
  const below = chance(seed)
  const node = new FakeNode()
  const clock = new FakeClock()
  const labels: Record<string, string> = below(2) === 0 ? { zone: "a" } : {}
  const all = ["shop", "shop.a", "shop.big", "shop.strict", "shop.t"]
  let epoch = 1
  const connect = () =>
    HeraldClient.connect(
      {
        ...{ address: "x:1", service: "shop", instance: "i1", labels, defaults: { "shop.default": 1 } },
        ...{ lastKnownGood: { directory }, reconnect: { capMillis: 500 }, connectTimeoutMillis: 600_000 },
        validate: (v) => !JSON.stringify(v).includes("refuse me"),
        apply: async () => void (below(3) === 0 && (await turn()))
      },
      { clock, transport: node.transport() }
    )
  const content = (key: string, n: number) =>
    key === "shop.t"
      ? `{{client.zone}} ${n}`
      : JSON.stringify({
          n,
          hint: below(6) === 0 ? "refuse me" : "",
          long: key === "shop.big" ? "x".repeat(below(60_000)) : ""
        })
  let client = await connect()
  const seen = new Map<string, { epoch: string; revision: number }>()
  const look = () => {
    for (const key of all) {
      const entry = client.getEntry(key)
      const before = seen.get(key)
      if (entry === undefined) continue
      if (before?.epoch === entry.epoch) {
        assert.isTrue(entry.revision >= before.revision, `seed ${seed}: ${key} went back to ${entry.revision}`)
      }
      if (node.unsure && client.state === "live") assert.isTrue(entry.stale || !client.confirmed)
      seen.set(key, { epoch: entry.epoch, revision: entry.revision })
    }
  }
  for (let step = 0; step < 40; step++) {
    const key = all[below(all.length)]!
    switch (below(12)) {
      case 0:
        node.become(!node.unsure)
        break
      case 1:
        node.cut()
        break
      case 2:
        node.drain(below(2_000))
        break
      case 3:
        await clock.advance(500)
        break
      case 4:
        if (below(3) > 0) break
        // restored from a backup: some keys are as they were, some were never there
        for (const old of all) if (below(4) === 0) node.heads.delete(old)
        node.revision = BigInt(below(Number(node.revision) + 1))
        for (const [name, head] of node.heads) node.heads.set(name, { ...head, revision: node.revision })
        node.lose(`e${++epoch}`)
        break
      case 5:
        if (below(3) > 0) break
        await client.close()
        seen.clear()
        client = await connect()
        break
      case 6:
        if (node.heads.has(key)) node.publish(key, undefined, { strict: key === "shop.strict" })
        break
      default:
        node.publish(key, content(key, step), {
          strict: key === "shop.strict",
          format: key === "shop.t" ? "string" : "json"
        })
    }
    await turn()
    look()
  }
  node.become(false)
  const matches = () =>
    all.every((key) => {
      const entry = client.getEntry(key)
      const head = node.heads.get(key)
      if (head?.content?.includes("refuse me")) return entry?.stale !== false
      if (head?.content?.includes("{{") && labels["zone"] === undefined) return entry?.stale !== false
      if (head?.content === undefined) return entry === undefined
      const wanted = head.format === "string" ? head.content.replace("{{client.zone}}", "a") : JSON.parse(head.content)
      return entry?.stale === false && JSON.stringify(entry.value) === JSON.stringify(wanted)
    })
  for (let n = 0; n < 200 && !(client.state === "live" && matches()); n++) {
    await clock.advance(500)
    await client.settled()
  }
  const shown = all.map((key) => [
    key,
    client.getEntry(key)?.value,
    client.getEntry(key)?.stale,
    node.heads.get(key)?.content
  ])
  assert.isTrue(client.confirmed && matches(), `seed ${seed}: ${client.state} ${JSON.stringify(shown).slice(0, 900)}`)
  await client.close()
}

it("SDK3 FD2 FD3 CU5: doubts, labels, sizes, refusals, lost histories and restarts from disk converge", async () => {
  for (let seed = 1; seed <= 100; seed++) {
    const directory = await mkdtemp(join(tmpdir(), "herald-converge-"))
    await live(seed, directory)
    await rm(directory, { recursive: true })
  }
})
