import { assert, describe, it } from "@effect/vitest"
import { ConfigUpdate } from "../../proto/generated/herald/distribution/v1/distribution.ts"
import { connected } from "../support/FakeTransport.ts"
import { synced, value } from "../support/Said.ts"
import { turn } from "../support/turn.ts"

describe("connection", () => {
  it("says who it is, what it holds and where it is", async () => {
    const { clock, transport } = await connected([value("shop", 3, 1)], {
      environment: "staging",
      labels: { region: "eu" },
      keys: ["shop", "common.*"]
    })
    transport.end()
    await clock.advance(250)

    const { hello } = transport.last
    assert.deepStrictEqual(
      [hello.serviceName, hello.instanceId, hello.environment, hello.metadata, hello.keys],
      ["shop", "i1", "staging", { region: "eu" }, ["shop", "common.*"]]
    )
    assert.deepStrictEqual(hello.position, { epoch: "e1", revision: 3n })
    assert.deepStrictEqual(
      hello.held.map(({ key, revision }) => [key, revision]),
      [["shop", 3n]]
    )
    assert.strictEqual(hello.version, 3n)
    assert.isTrue(hello.control)
  })

  it("CU3: the position never covers a version that was refused", async () => {
    const { client, clock, transport } = await connected([value("shop", 3, 1)], { validate: (v) => v !== 2 })
    transport.say(value("shop.new", 4, 2))
    transport.say(value("shop", 5, 3))
    await client.settled()
    transport.end()
    await clock.advance(250)

    assert.strictEqual(transport.last.hello.position?.revision, 3n)
  })

  it("CU3: after a lost history the position is the new one's, though it is lower", async () => {
    const { client, clock, transport } = await connected([value("shop", 100, 1)])
    transport.end()
    await clock.advance(250)
    transport.say(value("shop", 2, 2, { epoch: "e2" }))
    transport.say(synced(3, { epoch: "e2" }))
    await client.settled()
    assert.deepStrictEqual(client.position, { epoch: "e2", revision: 3 })
    transport.say(value("shop", 4, 4, { epoch: "e2" }))
    await client.settled()

    assert.deepStrictEqual(client.position, { epoch: "e2", revision: 4 })
  })

  it("CO2: connecting, live, stale, live", async () => {
    const states: Array<string> = []
    const { client, clock, transport } = await connected([], { onStateChange: (state) => states.push(state) })
    transport.end()
    await clock.advance(250)
    transport.say(synced(0))
    await client.close()

    assert.deepStrictEqual(states, ["live", "stale", "live", "closed"])
    assert.isFalse(transport.last.open)
  })

  it("CO1: nothing of a former stream is heard", async () => {
    const { client, clock, transport } = await connected([value("shop", 1, 1)])
    const former = transport.last
    transport.end()
    await clock.advance(250)
    former.events.ended({ status: 14, message: "", code: undefined, hopeless: false, reconnectAfterMillis: undefined })
    transport.say(synced(1))
    await client.settled()

    assert.strictEqual(client.state, "live")
    assert.strictEqual(transport.streams.length, 2)
    former.events.message(ConfigUpdate.fromPartial(value("shop", 9, "late")))
    former.events.message(ConfigUpdate.fromPartial({ kind: 3, stale: true }))
    former.events.ended({ status: 14, message: "", code: undefined, hopeless: false, reconnectAfterMillis: undefined })
    await client.settled()
    await clock.advance(20_000)
    assert.deepStrictEqual([client.get("shop"), client.state, client.confirmed], [1, "live", true])
    assert.deepStrictEqual([transport.streams.length, transport.last.open], [2, true])
  })

  it("FD2: a refused version of a lost history gives way to what the new one says is held", async () => {
    const { client, clock, transport } = await connected([value("shop", 50, "good")], { validate: (v) => v !== "bad" })
    transport.say(value("shop", 100, "bad"))
    await client.settled()
    transport.end()
    await clock.advance(250)
    transport.say(synced(5, { epoch: "e2" })) // it has what we said, at a revision of its own
    await client.settled()

    const { value: of, revision, epoch, stale } = client.getEntry("shop")!
    assert.deepStrictEqual([of, revision, epoch, stale], ["good", 5, "e2", false])
  })

  it("BO1: delays double with full jitter up to the cap; BO2: they start over after a stable connection", async () => {
    const { clock, transport } = await connected([], { reconnect: { baseMillis: 100, capMillis: 1_000 } })
    const delays: Array<number> = []
    const fail = async () => {
      transport.end()
      const [next] = clock.waiting
      delays.push(next!)
      await clock.advance(next!)
    }
    for (let i = 0; i < 6; i++) await fail()
    assert.deepStrictEqual(delays, [50, 100, 200, 400, 500, 500])

    transport.say(synced(0))
    await clock.advance(10_000)
    await fail()

    assert.strictEqual(delays.at(-1), 50)
  })

  it("CO4: a refusal is failed, retried near the cap, and serves what it has", async () => {
    const { client, clock, transport } = await connected([value("shop", 1, 1)])
    transport.end({ status: 16, code: "HRLD-5005", message: "revoked" })

    assert.strictEqual(client.state, "failed")
    assert.strictEqual(client.get("shop"), 1)
    assert.deepStrictEqual(clock.waiting, [15_000])
    await clock.advance(15_000)
    assert.strictEqual(client.state, "failed")
    transport.end({ status: 14 })
    assert.strictEqual(client.state, "stale")
    await clock.advance(250)
    transport.say(synced(1))
    assert.strictEqual(client.state, "live")
  })

  it("CO4: an instance that was replaced does not come back at once", async () => {
    const { client, clock, transport } = await connected([])
    transport.end({ status: 10, code: "HRLD-5002", hopeless: true })

    assert.strictEqual(client.state, "stale")
    assert.deepStrictEqual(clock.waiting, [15_000])
  })

  it("CO5: drain is honoured, whether the stream ends before or not", async () => {
    for (const ends of [true, false]) {
      const { client, clock, transport } = await connected([])
      transport.say({ kind: 4, reconnectAfterMs: 3_000 })
      assert.strictEqual(client.state, "live")
      if (ends) transport.end({ code: "HRLD-5001" })
      await clock.advance(2_999)
      assert.strictEqual(transport.streams.length, 1)
      await clock.advance(1)
      assert.strictEqual(transport.streams.length, 2)
      transport.say(synced(0))
      assert.strictEqual(client.state, "live")
    }
  })

  it("CO3: sends a heartbeat every 30 s and leaves a server that is silent for 90 s", async () => {
    const { client, clock, transport } = await connected([])
    const { sent } = transport.last
    await clock.advance(60_000)
    transport.say({ kind: 3 })
    await clock.advance(89_999)
    assert.strictEqual(client.state, "live")
    assert.strictEqual(sent.filter(({ heartbeat }) => heartbeat).length, 4)
    await clock.advance(1)

    assert.strictEqual(client.state, "stale")
    assert.isFalse(transport.streams[0]?.open)
  })

  it("AK2: of a key's answers that wait for a stream only the newest reaches the next one", async () => {
    let release = () => {}
    const { client, clock, transport } = await connected([], {
      apply: (v) => (v === 1 ? new Promise<void>((resolve) => (release = resolve)) : undefined)
    })
    transport.say(value("shop", 1, 1))
    await turn()
    transport.say(value("shop", 2, 2))
    transport.end()
    release()
    await client.settled()
    await clock.advance(250)
    transport.say(synced(2))

    assert.deepStrictEqual(transport.outcomes, [{ key: "shop", revision: 2n, applied: true }])
    assert.strictEqual(client.get("shop"), 2)
  })

  it("AK2: answers wait for a stream and reach the next one", async () => {
    let release = () => {}
    const { client, clock, transport } = await connected([], {
      apply: () => new Promise<void>((resolve) => (release = resolve))
    })
    transport.say(value("shop", 1, 1))
    await turn()
    transport.end()
    release()
    await client.settled()
    await clock.advance(250)
    transport.say(synced(1))

    assert.deepStrictEqual(transport.outcomes, [{ key: "shop", revision: 1n, applied: true }])
    assert.strictEqual(transport.last.sent.length, 1)
  })
})
