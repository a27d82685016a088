import { assert, describe, it } from "@effect/vitest"
import type { ClientEvent } from "../../src/client/HeraldClient.ts"
import { connected } from "../support/FakeTransport.ts"
import { deleted, delta, synced, value } from "../support/Said.ts"
import { turn, until } from "../support/turn.ts"

describe("updates", () => {
  it("UP1 UP3: validate, apply, confirm, then the answer; the trace reaches the hooks", async () => {
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
    assert.deepStrictEqual(transport.outcomes, [{ key: "shop", revision: 1n, applied: true }])
  })

  it("UP1 UP3: a refused version leaves the former one and its reason is answered", async () => {
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
    assert.deepStrictEqual(transport.outcomes.at(-1), {
      key: "shop",
      revision: 2n,
      applied: false,
      reason: "validate: too big"
    })
    assert.strictEqual(events.at(-1)?.type, "rejected")
  })

  it("UP1: a failed confirm puts the former value back, in every hook that had the new one", async () => {
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
    assert.strictEqual(transport.outcomes.at(-1)?.reason, "confirm: confirm answered false")
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
    const reason = (n: bigint) => transport.outcomes.find(({ revision }) => revision === n)?.reason ?? ""
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
    await until(() => transport.outcomes.some(({ revision, applied }) => revision === 3n && applied))
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

  it("UP2: of the versions that wait for a hook only the newest is tried; other keys do not wait", async () => {
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

  it("AK1: what was applied together is answered together", async () => {
    const { client, transport } = await connected([value("shop", 1, 0), value("shop.b", 2, 0), value("shop.c", 3, 0)])
    await client.settled()

    assert.deepStrictEqual(
      transport.last.sent.map(({ acks }) => acks.length),
      [3]
    )
  })

  it("CU1 SDK3: an older revision is ignored; a new epoch starts counting again; a repetition is answered again", async () => {
    const { client, transport } = await connected([value("shop", 5, "five")])

    transport.say(value("shop", 4, "four"))
    transport.say(deleted("shop", 3))
    await client.settled()
    assert.strictEqual(client.get("shop"), "five")
    transport.say(value("shop", 5, "five"))
    await turn()
    assert.strictEqual(transport.outcomes.filter(({ applied }) => applied).length, 2)
    transport.say(value("shop", 1, "reborn", { epoch: "e2" }))
    await client.settled()

    assert.strictEqual(client.get("shop"), "reborn")
  })

  it("I1: a whole value with the wrong digest is rejected and never shown", async () => {
    const { client, transport } = await connected([value("shop", 1, 1)])

    transport.say(value("shop", 2, 2, { digest: "00" }))
    await turn()

    assert.strictEqual(client.get("shop"), 1)
    assert.match(transport.outcomes.at(-1)?.reason ?? "", /digest/)
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
