/** SDK3 as a property: whatever the network does, a client never goes back, and ends with the newest. */
import { assert, it } from "@effect/vitest"
import type { ConfigUpdate, SubscribeRequest } from "../../proto/generated/herald/distribution/v1/distribution.ts"
import { connected, deleted, delta, FakeClock, FakeTransport, sha256, synced, turn, value } from "./FakeServer.ts"

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
      held.get(key) === (content === undefined ? undefined : sha256(JSON.stringify(content))) ? [] : [key]
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
