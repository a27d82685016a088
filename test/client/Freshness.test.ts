/** What a client says about its values when its node is not sure of them. */
import { assert, describe, it } from "@effect/vitest"
import { type ClientEvent, StaleError } from "../../src/client/HeraldClient.ts"
import { connected } from "../support/FakeTransport.ts"
import { deleted, synced, value } from "../support/Said.ts"
import { turn } from "../support/turn.ts"

const published = [value("shop", 1, "plain"), value("shop.s", 2, "strict", { strict: true })]

describe("freshness", () => {
  it("CU5 SDK2: while the node is unsure every entry is stale and strict keys throw; each flip is one event", async () => {
    const events: Array<ClientEvent> = []
    const { client, transport } = await connected(published, { onEvent: (event) => events.push(event) })
    assert.deepStrictEqual(
      [client.confirmed, client.getEntry("shop")?.stale, client.get("shop.s")],
      [true, false, "strict"]
    )

    transport.say({ kind: 3, stale: true })
    transport.say({ kind: 3, stale: true })
    assert.deepStrictEqual([client.state, client.confirmed], ["live", false])
    assert.deepStrictEqual([client.getEntry("shop")?.stale, client.get("shop")], [true, "plain"])
    assert.throws(() => client.get("shop.s"), StaleError, /HRLD-2004.*can't confirm with its database/)

    transport.say({ kind: 3 })
    assert.deepStrictEqual(
      [client.confirmed, client.getEntry("shop")?.stale, client.get("shop.s")],
      [true, false, "strict"]
    )
    assert.deepStrictEqual(
      events.filter(({ type }) => type === "freshness"),
      [
        { type: "freshness", confirmed: false },
        { type: "freshness", confirmed: true }
      ]
    )
  })

  it("CU5: a client that connects to an unsure node knows it from the start, and again after it came back", async () => {
    const { client, clock, transport } = await connected(published)
    transport.end()
    await clock.advance(250)
    transport.say(synced(2, { stale: true }))
    assert.deepStrictEqual([client.state, client.confirmed], ["live", false])
    assert.throws(() => client.get("shop.s"), StaleError)

    transport.end()
    await clock.advance(500)
    transport.say(synced(2))
    assert.deepStrictEqual([client.confirmed, client.get("shop.s")], [true, "strict"])
  })

  it("UP2: between two versions of a strict key the newer is said to be under way, not to be refused", async () => {
    const { client, transport } = await connected(published)
    const told: Array<unknown> = []
    const gate = Promise.withResolvers<void>()
    const begun = Promise.withResolvers<void>()
    const applied: Array<unknown> = []
    client.watch("shop.s", {
      apply: async (value) => {
        if (value === "second") {
          begun.resolve()
          await gate.promise
        }
        applied.push(value)
      },
      onStale: (stale, _, why) => void told.push([stale, why])
    })
    await client.settled()
    transport.say(value("shop.s", 3, "second", { strict: true }))
    await begun.promise
    transport.say(value("shop.s", 4, "third", { strict: true }))
    gate.resolve()
    await client.settled()
    assert.deepStrictEqual(applied, ["strict", "second", "third"])
    assert.deepStrictEqual(told, [
      [true, "a newer version is being applied"],
      [false, undefined]
    ])
  })

  it("CU5: what was sent unsure is confirmed when the node is sure again, and not before", async () => {
    const { client, transport } = await connected(published)
    transport.say({ kind: 3, stale: true })
    transport.say(value("shop.s", 3, "newer", { strict: true, stale: true }))
    await client.settled()
    assert.throws(() => client.get("shop.s"), StaleError)
    transport.say({ kind: 3 })

    assert.strictEqual(client.get("shop.s"), "newer")
  })

  it("FD2 CU5: a sync of an unsure node takes nothing away", async () => {
    const { client, clock, transport } = await connected([...published, value("shop.gone", 3, 1)])
    transport.say(value("shop.new", 9, "on its way"))
    await client.settled()
    transport.end()
    await clock.advance(250)
    transport.say(synced(2, { stale: true }))
    await client.settled()

    assert.sameMembers(client.keys(), ["shop", "shop.s", "shop.gone", "shop.new"])
  })
})

describe("watchers of strict keys", () => {
  it("ST1: hear each flip once, whatever made it, by callback and by iteration; other keys say nothing", async () => {
    const told: Array<readonly [boolean, string, boolean]> = []
    const { client, clock, transport } = await connected(published, { validate: (v) => v !== "bad" })
    const onStale = (stale: boolean, key: string, why: string | undefined) =>
      void told.push([stale, key, why !== undefined])
    const watch = client.watch("shop.*", { onStale })
    client.watch("shop", { onStale })
    await client.settled()
    const seen: Array<unknown> = []
    const reading = (async () => {
      for await (const { value: of, entry } of watch) seen.push([of, entry?.stale])
    })()
    const flip = async (act: () => void | Promise<void>) => {
      await act()
      await client.settled()
      await turn()
    }

    await flip(() => transport.say({ kind: 3, stale: true }))
    await flip(() => transport.say({ kind: 3, stale: true }))
    await flip(() => transport.say({ kind: 3 }))
    await flip(() => transport.end())
    await flip(() => clock.advance(250))
    await flip(() => transport.say(synced(2)))
    await flip(() => transport.say(value("shop.s", 3, "bad", { strict: true })))
    await flip(() => transport.say(value("shop.s", 4, "good", { strict: true })))
    await flip(() => transport.say(value("shop.s", 5, "again", { strict: true })))
    await flip(() => transport.say({ kind: 5, key: "shop.s", message: "a label is missing" }))
    await flip(() => transport.say(deleted("shop.s", 6)))
    await flip(() => transport.say({ kind: 3, stale: true }))

    assert.deepStrictEqual(
      told,
      [true, false, true, false, true, false, true].map((stale) => [stale, "shop.s", stale] as const)
    )
    await client.close()
    await reading
    assert.deepStrictEqual(seen, [
      ["strict", false],
      ["strict", true],
      ["strict", false],
      ["strict", true],
      ["strict", false],
      ["strict", true],
      ["good", false],
      ["again", false],
      ["again", true],
      [undefined, undefined]
    ])
  })

  it("ST2: a flip looks at strict keys only", async () => {
    const many = Array.from({ length: 500 }, (_, n) => value(`shop.k${n}`, n + 1, n))
    const { client, transport } = await connected([...many, value("shop.s", 501, 1, { strict: true })])
    let told = 0
    client.watch("shop.*", { onStale: () => void told++ })
    await client.settled()
    transport.say({ kind: 3, stale: true })

    assert.strictEqual(told, 1)
  })
})
