import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { digestOf } from "../../layers/Crypto/values/Digest.ts"
import { AckOutcome, ConfigUpdate } from "../../proto/generated/herald/distribution/v1/distribution.ts"
import {
  type ClientEvent,
  ConnectError,
  HeraldClient,
  MissingKeyError,
  OptionError,
  StaleError,
  ValueError
} from "../../src/client/HeraldClient.ts"
import { byCode } from "../../src/errors/Catalogue.ts"
import { FakeClock } from "../support/FakeClock.ts"
import { connected, FakeTransport } from "../support/FakeTransport.ts"
import { deleted, delta, synced, value } from "../support/Said.ts"
import { turn, until } from "../support/turn.ts"

const base = { address: "herald:50051", service: "shop", instance: "i1" }
const outcomes = (transport: FakeTransport) =>
  transport.acks.map(({ key, revision, outcome, reason }) => ({
    key,
    revision,
    applied: outcome === AckOutcome.ACK_OUTCOME_APPLIED,
    ...(reason === "" ? {} : { reason })
  }))

describe("values", () => {
  it("reads each format as its type", async () => {
    const { client } = await connected([
      value("shop", 1, { a: [1] }),
      value("shop.text", 2, "x", { format: "string", content: Buffer.from("plain"), digest: "" }),
      value("shop.n", 3, 1.5, { format: "number" }),
      value("shop.b", 4, true, { format: "boolean" }),
      value("shop.y", 5, "x", { format: "yaml", content: Buffer.from("a: 1\n"), digest: "" })
    ])

    assert.deepStrictEqual(client.get("shop"), { a: [1] })
    assert.strictEqual(client.get("shop.text"), "plain")
    assert.strictEqual(client.get("shop.n"), 1.5)
    assert.strictEqual(client.get("shop.b"), true)
    assert.strictEqual(client.get("shop.y"), "a: 1\n")
    assert.isTrue(Object.isFrozen(client.get<{ a: Array<number> }>("shop").a))
  })

  it("types a value through a Standard Schema and says what does not fit", async () => {
    const { client } = await connected([value("shop", 1, { port: 80 })])
    const good = Schema.toStandardSchemaV1(Schema.Struct({ port: Schema.Number }))
    const bad = Schema.toStandardSchemaV1(Schema.Struct({ port: Schema.String }))

    assert.strictEqual(client.get("shop", good).port, 80)
    assert.throws(() => client.get("shop", bad), ValueError, /HRLD-1003.*port/)
  })

  it("V4 SDK1: live, then bootstrap, then default; a deletion leaves the default", async () => {
    const { client, transport } = await connected([value("shop", 1, "live")], {
      bootstrap: { values: { shop: "bootstrap", "shop.b": "bootstrap" } },
      defaults: { shop: "default", "shop.b": "default", "shop.c": "default" }
    })
    assert.deepStrictEqual(
      ["shop", "shop.b", "shop.c"].map((key) => client.getEntry(key)?.source),
      ["live", "bootstrap", "default"]
    )

    transport.say(deleted("shop", 2))
    await client.settled()

    assert.strictEqual(client.get("shop"), "default")
    assert.throws(() => client.get("shop.none"), MissingKeyError, /HRLD-2001/)
    assert.isUndefined(client.getEntry("shop.none"))
  })

  it("I1 an entry has the text that was published, also where JavaScript has no such number", async () => {
    const text = '{"id":9007199254740993,"price":1.10}'
    const update = { ...value("shop", 1, 0), content: Buffer.from(text), digest: digestOf(text) }
    const { client } = await connected([update], { defaults: { other: 1 } })

    assert.strictEqual(client.getEntry("shop")?.text, text)
    assert.strictEqual(client.getEntry("other")?.text, "")
  })

  it("SDK2: a strict key refuses what can't be confirmed; others serve it as stale", async () => {
    const { client, transport } = await connected([value("shop", 1, 1), value("shop.s", 2, 2, { strict: true })])
    assert.strictEqual(client.get("shop.s"), 2)

    transport.end()

    assert.throws(() => client.get("shop.s"), StaleError, /HRLD-2004.*not connected/)
    assert.strictEqual(client.get("shop"), 1)
    assert.isTrue(client.getEntry("shop")?.stale)
  })

  it("SDK2: a strict key is stale while the server is unsure, and fresh again when it confirms", async () => {
    const { client, transport } = await connected([value("shop", 1, 1, { strict: true })])
    transport.say(value("shop", 2, 2, { strict: true, stale: true }))
    await client.settled()
    assert.throws(() => client.get("shop"), StaleError, /could not confirm/)

    transport.say(value("shop", 2, 2, { strict: true }))

    assert.strictEqual(client.get("shop"), 2)
    transport.say(synced(2, { stale: true }))
    assert.throws(() => client.get("shop"), StaleError)
  })
})

describe("updates", () => {
  it("U1 U3: validate, apply, confirm, then the answer; the trace reaches the hooks", async () => {
    const calls: Array<string> = []
    const { client, transport } = await connected([], {
      validate: (v, c) => {
        calls.push(`validate ${v} ${c.traceparent}`)
      },
      apply: async (v) => {
        calls.push(`apply ${v}`)
      },
      confirm: () => {
        calls.push(`confirm ${client.get("shop")}`)
        return true
      }
    })

    transport.say(value("shop", 1, 7, { traceparent: "00-t" }))
    await client.settled()
    await turn()

    assert.deepStrictEqual(calls, ["validate 7 00-t", "apply 7", "confirm 7"])
    assert.deepStrictEqual(outcomes(transport), [{ key: "shop", revision: 1n, applied: true }])
  })

  it("U1 U3: a refused version leaves the former one and its reason is answered", async () => {
    const events: Array<ClientEvent> = []
    const { client, transport } = await connected([value("shop", 1, 1)], {
      validate: (v) => (v === 2 ? "too big" : true),
      onEvent: (event) => events.push(event)
    })

    transport.say(value("shop", 2, 2))
    await client.settled()
    await turn()

    assert.strictEqual(client.get("shop"), 1)
    assert.isTrue(client.getEntry("shop")?.stale)
    assert.deepStrictEqual(outcomes(transport).at(-1), {
      key: "shop",
      revision: 2n,
      applied: false,
      reason: "validate: too big"
    })
    assert.strictEqual(events.at(-1)?.type, "rejected")
  })

  it("U1: a failed confirm puts the former value back, in every hook that had the new one", async () => {
    const seen: Array<string> = []
    const { client, transport } = await connected([value("shop", 1, 1)], {
      apply: (v, c) => {
        seen.push(`global ${v}${c.restoring ? " again" : ""}`)
      }
    })
    client.watch("shop", {
      apply: (v, c) => {
        seen.push(`watch ${v}${c.restoring ? " again" : ""}`)
      },
      confirm: (v) => v !== 2
    })
    await client.settled()

    transport.say(value("shop", 2, 2))
    await client.settled()
    await turn()

    assert.deepStrictEqual(seen, ["global 1", "watch 1", "global 2", "watch 2", "watch 1 again", "global 1 again"])
    assert.strictEqual(client.get("shop"), 1)
    assert.strictEqual(outcomes(transport).at(-1)?.reason, "confirm: confirm answered false")
  })

  it("HK1 LN1 LN2: a hook that never answers is a refusal; nothing of its key runs beside it, and that is said; other keys go on", async () => {
    const ran: Array<unknown> = []
    const { client, clock, transport } = await connected([value("shop", 1, 1)], {
      apply: (v) => {
        ran.push(v)
        return v === 2 ? new Promise(() => {}) : undefined
      },
      hookTimeoutMillis: 1_000
    })

    transport.say(value("shop", 2, 2))
    await turn()
    transport.say(value("shop", 3, 3))
    await clock.advance(1_000)
    await clock.advance(1_000)
    await client.settled()
    transport.say(value("shop", 4, 4))
    transport.say(value("shop.other", 5, "free"))
    await client.settled()
    await turn()

    assert.deepStrictEqual(
      [client.get("shop"), client.getEntry("shop")?.stale, client.get("shop.other")],
      [1, true, "free"]
    )
    assert.deepStrictEqual(ran, [1, 2, "free"])
    const reason = (n: bigint) => outcomes(transport).find(({ revision }) => revision === n)?.reason ?? ""
    assert.match(reason(2n), /no answer in 1000 ms/)
    for (const later of [3n, 4n]) assert.match(reason(later), /a former hook still runs/)
  })

  it("HK1 LN1: a hook that ends late is followed by the former value, then by the newest version, one after the other", async () => {
    const ran: Array<string> = []
    let running = 0
    let most = 0
    let end = () => {}
    const aborted: Array<boolean> = []
    const { client, clock, transport } = await connected([value("shop", 1, 1)], {
      apply: async (v, { restoring, signal }) => {
        most = Math.max(most, ++running)
        if (v === 2) {
          await new Promise<void>((resolve) => (end = resolve))
          aborted.push(signal.aborted)
        }
        ran.push(`${v}${restoring ? " again" : ""}`)
        running--
      },
      hookTimeoutMillis: 1_000
    })

    transport.say(value("shop", 2, 2))
    await turn()
    transport.say(value("shop", 3, 3))
    await clock.advance(1_000)
    await clock.advance(1_000)
    assert.deepStrictEqual(ran, ["1"])
    end()
    await until(() => client.get("shop") === 3)

    assert.deepStrictEqual(ran, ["1", "2", "1 again", "3"])
    assert.deepStrictEqual([most, aborted], [1, [true]])
    await until(() => outcomes(transport).some(({ revision, applied }) => revision === 3n && applied))
    assert.isFalse(client.getEntry("shop")?.stale)
  })

  it("LN1: while a former value that is put back takes its time, too, nothing of its key runs beside it", async () => {
    let running = 0
    let most = 0
    const ends: Array<() => void> = []
    const ran: Array<unknown> = []
    const { client, clock, transport } = await connected([value("shop", 1, 1)], {
      apply: async (v, { restoring }) => {
        most = Math.max(most, ++running)
        ran.push(restoring ? `${v} again` : v)
        if (v === 2 || restoring) await new Promise<void>((resolve) => ends.push(resolve))
        running--
      },
      hookTimeoutMillis: 1_000
    })
    transport.say(value("shop", 2, 2))
    await turn()
    await clock.advance(1_000)
    transport.say(value("shop", 3, 3))
    await turn()
    ends[0]?.()
    await until(() => ran.length === 3)
    await clock.advance(1_000)
    for (let n = 0; n < 10; n++) await turn()
    assert.deepStrictEqual(ran, [1, 2, "1 again"])
    ends[1]?.()
    await until(() => client.get("shop") === 3)

    assert.deepStrictEqual([ran, most], [[1, 2, "1 again", 3], 1])
  })

  it("U2: of the versions that wait for a hook only the newest is tried; other keys do not wait", async () => {
    let release = () => {}
    const applied: Array<unknown> = []
    const { client, transport } = await connected([], {
      apply: (v) => {
        applied.push(v)
        return v === 1 ? new Promise<void>((resolve) => (release = resolve)) : undefined
      }
    })

    transport.say(value("shop", 1, 1))
    await until(() => applied.includes(1))
    for (const n of [2, 3, 4]) transport.say(value("shop", n, n))
    transport.say(value("shop.other", 5, "free"))
    await until(() => applied.includes("free"))
    release()
    await client.settled()

    assert.deepStrictEqual(applied, [1, "free", 4])
  })

  it("A1: what was applied together is answered together", async () => {
    const { client, transport } = await connected([value("shop", 1, 0), value("shop.b", 2, 0), value("shop.c", 3, 0)])
    await client.settled()

    assert.deepStrictEqual(
      transport.last.sent.map(({ acks }) => acks.length),
      [3]
    )
  })

  it("V1 SDK3: an older revision is ignored; a new epoch starts counting again; a repetition is answered again", async () => {
    const { client, transport } = await connected([value("shop", 5, "five")])

    transport.say(value("shop", 4, "four"))
    transport.say(deleted("shop", 3))
    await client.settled()
    assert.strictEqual(client.get("shop"), "five")
    transport.say(value("shop", 5, "five"))
    await turn()
    assert.strictEqual(outcomes(transport).filter(({ applied }) => applied).length, 2)
    transport.say(value("shop", 1, "reborn", { epoch: "e2" }))
    await client.settled()

    assert.strictEqual(client.get("shop"), "reborn")
  })

  it("I1: a whole value with the wrong digest is rejected and never shown", async () => {
    const { client, transport } = await connected([value("shop", 1, 1)])

    transport.say(value("shop", 2, 2, { digest: "00" }))
    await turn()

    assert.strictEqual(client.get("shop"), 1)
    assert.match(outcomes(transport).at(-1)?.reason ?? "", /digest/)
    assert.match(client.getEntry("shop")?.stale ? "stale" : "", /stale/)
  })
})

describe("deltas", () => {
  it("patches the held text", async () => {
    const { client, transport } = await connected([value("shop", 1, { a: 1, b: [1, 2] })])

    transport.say(
      delta("shop", 2, { a: 1, b: [1, 2] }, [{ op: "replace", path: "/b/1", value: 9 }], { a: 1, b: [1, 9] })
    )
    transport.say(delta("shop", 3, { a: 1, b: [1, 9] }, [{ op: "remove", path: "/a" }], { b: [1, 9] }))
    await client.settled()

    assert.deepStrictEqual(client.get("shop"), { b: [1, 9] })
    assert.isTrue(transport.last.hello.acceptsDelta)
  })

  it("FD1: a delta that does not give its digest is dropped and everything is asked for again, whole", async () => {
    const events: Array<ClientEvent> = []
    const { client, clock, transport } = await connected([value("shop", 1, { a: 1 })], {
      onEvent: (event) => events.push(event)
    })

    transport.say(delta("shop", 2, { a: 1 }, [{ op: "replace", path: "/a", value: 2 }], { a: "other" }))
    assert.deepStrictEqual(client.get("shop"), { a: 1 })
    await clock.advance(250)

    const { hello } = transport.last
    assert.strictEqual(transport.streams.length, 2)
    assert.deepStrictEqual([hello.held, hello.position, hello.acceptsDelta], [[], undefined, false])
    assert.isTrue(events.some(({ type }) => type === "resync"))
    transport.say(value("shop", 2, { a: "other" }))
    transport.say(synced(2))
    await client.settled()
    assert.deepStrictEqual(client.get("shop"), { a: "other" })
    assert.strictEqual(client.state, "live")
  })

  it("FD2: what a whole snapshot does not mention is gone", async () => {
    const { client, clock, transport } = await connected([value("shop", 1, { a: 1 }), value("shop.b", 2, 1)])

    transport.say(delta("shop", 3, { none: 1 }, [], {}))
    await clock.advance(250)
    transport.say(value("shop", 3, {}))
    transport.say(synced(4))
    await client.settled()

    assert.deepStrictEqual(client.keys(), ["shop"])
  })
})

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

  it("V3: the position never covers a version that was refused", async () => {
    const { client, clock, transport } = await connected([value("shop", 3, 1)], { validate: (v) => v !== 2 })
    transport.say(value("shop.new", 4, 2))
    transport.say(value("shop", 5, 3))
    await client.settled()
    transport.end()
    await clock.advance(250)

    assert.strictEqual(transport.last.hello.position?.revision, 3n)
  })

  it("V3: after a lost history the position is the new one's, though it is lower", async () => {
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

  it("C2: connecting, live, stale, live", async () => {
    const states: Array<string> = []
    const { client, clock, transport } = await connected([], { onStateChange: (state) => states.push(state) })
    transport.end()
    await clock.advance(250)
    transport.say(synced(0))
    await client.close()

    assert.deepStrictEqual(states, ["live", "stale", "live", "closed"])
    assert.isFalse(transport.last.open)
  })

  it("C1: nothing of a former stream is heard", async () => {
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

  it("C4: a refusal is failed, retried near the cap, and serves what it has", async () => {
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

  it("C4: an instance that was replaced does not come back at once", async () => {
    const { client, clock, transport } = await connected([])
    transport.end({ status: 10, code: "HRLD-5002", hopeless: true })

    assert.strictEqual(client.state, "stale")
    assert.deepStrictEqual(clock.waiting, [15_000])
  })

  it("C5: drain is honoured, whether the stream ends before or not", async () => {
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

  it("C3: sends a heartbeat every 30 s and leaves a server that is silent for 90 s", async () => {
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

  it("A2: of a key's answers that wait for a stream only the newest reaches the next one", async () => {
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

    assert.deepStrictEqual(outcomes(transport), [{ key: "shop", revision: 2n, applied: true }])
    assert.strictEqual(client.get("shop"), 2)
  })

  it("A2: answers wait for a stream and reach the next one", async () => {
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

    assert.deepStrictEqual(outcomes(transport), [{ key: "shop", revision: 1n, applied: true }])
    assert.strictEqual(transport.last.sent.length, 1)
  })
})

describe("connect", () => {
  it("with the server gone, resolves when local values can serve, and shows them to the hooks", async () => {
    const transport = new FakeTransport()
    transport.greet = () => transport.end()
    const applied: Array<unknown> = []
    const client = await HeraldClient.connect(
      {
        ...base,
        defaults: { shop: 1, "shop.bad": 2 },
        bootstrap: { values: { "shop.bad": 3 } },
        validate: (v) => v !== 3,
        apply: (v, { source }) => {
          applied.push([v, source])
        }
      },
      { clock: new FakeClock(), transport }
    )

    assert.strictEqual(client.state, "stale")
    assert.strictEqual(client.get("shop"), 1)
    assert.strictEqual(client.get("shop.bad"), 2)
    assert.sameDeepMembers(applied, [
      [1, "default"],
      [2, "default"]
    ])
  })

  it("with nothing to serve, gives up after the time-out and says why and what to do", async () => {
    const transport = new FakeTransport()
    const clock = new FakeClock()
    transport.greet = () => transport.end({ message: "connection refused" })
    const connecting = HeraldClient.connect(base, { clock, transport }).catch((error) => error)
    await until(() => transport.streams.length > 0)
    await clock.advance(10_000)
    const error = await connecting

    assert.instanceOf(error, ConnectError)
    assert.match(error.message, /HRLD-5101: herald:50051 .*connection refused.*lastKnownGood/)
    assert.deepStrictEqual(clock.waiting, [])
  })

  it("with a refused token and nothing to serve, fails at once", async () => {
    const transport = new FakeTransport()
    transport.greet = () => transport.end({ status: 16, code: "HRLD-3001", message: "Who are you?" })
    const error = await HeraldClient.connect(base, { clock: new FakeClock(), transport }).catch((e) => e)

    assert.strictEqual(error.code, "HRLD-3001")
    assert.strictEqual(error.status, 16)
  })

  it("waitForSync accepts no local value", async () => {
    const transport = new FakeTransport()
    const clock = new FakeClock()
    transport.greet = () => transport.end()
    const options = { ...base, defaults: { shop: 1 }, waitForSync: true }
    const connecting = HeraldClient.connect(options, { clock, transport }).catch((error) => error)
    await until(() => transport.streams.length > 0)
    await clock.advance(10_000)

    assert.instanceOf(await connecting, ConnectError)
  })

  it("refuses wrong options and a wrong bootstrap file before it opens anything", async () => {
    const directory = await mkdtemp(join(tmpdir(), "herald-"))
    const file = join(directory, "bootstrap.json")
    const transport = new FakeTransport()
    const attempt = (options: object) =>
      HeraldClient.connect({ ...base, ...options } as never, { transport }).catch((error) => error)

    assert.instanceOf(await attempt({ service: "" }), OptionError)
    assert.instanceOf(await attempt({ heartbeatMillis: -1 }), OptionError)
    assert.instanceOf(await attempt({ labels: { n: 1 } }), OptionError)
    assert.match((await attempt({ bootstrap: { file } })).message, /does not exist/)
    await writeFile(file, "[1]")
    assert.match((await attempt({ bootstrap: { file } })).message, /not an object/)
    await rm(directory, { recursive: true })
    assert.strictEqual(transport.streams.length, 0)
  })

  it("every code that the SDK throws is in the catalogue", () => {
    for (const code of ["1001", "1003", "2001", "2004", "5101", "5102", "5103", "5104", "5105"]) {
      assert.isDefined(byCode(`HRLD-${code}`), code)
    }
  })
})

describe("watch", () => {
  it("shows the present value, then changes, and nothing after unsubscribing", async () => {
    const { client, transport } = await connected([value("shop.a", 1, 1)])
    const seen: Array<unknown> = []
    const watch = client.watch("shop.*", {
      apply: (v, { key }) => {
        seen.push([key, v])
      }
    })
    await client.settled()
    transport.say(value("shop.b", 2, 2))
    transport.say(deleted("shop.a", 3))
    await client.settled()
    watch.unsubscribe()
    transport.say(value("shop.b", 4, 4))
    await client.settled()

    assert.deepStrictEqual(seen, [
      ["shop.a", 1],
      ["shop.b", 2],
      ["shop.a", undefined]
    ])
  })

  it("HK4: a watch that is given up while a version is on its way is asked and told nothing more of it", async () => {
    for (const at of ["validate", "apply", "confirm"]) {
      for (const refuses of [false, true]) {
        const { client, transport } = await connected([value("shop", 1, 1)])
        const later: Array<string> = []
        let gone = false
        const called = (hook: string) => async () => {
          if (gone) later.push(hook)
          await turn()
        }
        client.watch("shop", {
          [at]: async (v: unknown) => {
            if (v !== 2) return
            watch.unsubscribe()
            gone = true
          }
        })
        const watch = client.watch("shop", {
          validate: called("validate"),
          apply: called("apply"),
          confirm: called("confirm")
        })
        client.watch("shop", { confirm: async (v: unknown) => !(refuses && v === 2) })
        await client.settled()
        transport.say(value("shop", 2, 2))
        await client.settled()

        assert.deepStrictEqual([gone, later], [true, []], `${at} ${refuses}`)
        assert.strictEqual(client.get("shop"), refuses ? 1 : 2)
        await client.close()
      }
    }
  })

  it("rejects a present value that its schema refuses, so that the operator sees it", async () => {
    const { client, transport } = await connected([value("shop", 1, { port: "x" })])
    client.watch("shop", { schema: Schema.toStandardSchemaV1(Schema.Struct({ port: Schema.Number })) })
    await client.settled()
    await turn()

    assert.match(outcomes(transport).at(-1)?.reason ?? "", /port/)
  })

  it("iterates over changes, keeping the newest of each key for a slow reader", async () => {
    const { client, transport } = await connected([value("shop", 1, 1)])
    const watch = client.watch<number>("shop")
    await client.settled()
    for (const n of [2, 3]) {
      transport.say(value("shop", n, n))
      await client.settled()
    }
    const seen: Array<number | undefined> = []
    for await (const change of watch) {
      seen.push(change.value)
      if (change.value === 4) break
      transport.say(value("shop", 4, 4))
    }

    assert.deepStrictEqual(seen, [3, 4])
    assert.isTrue(watch.closed)
  })
})

it("reports health at its position", async () => {
  const { client, transport } = await connected([value("shop", 9, 1)])

  assert.isTrue(await client.reportHealth("degraded", "slow", { p99: 80 }))

  const [report] = transport.reports
  assert.deepStrictEqual([report?.revision, report?.health, report?.metrics], [9n, 2, { p99: 80 }])
})
