/** After `close` there is nothing: no hook, no timer, no answer, no file, no event. */
import { assert, describe, it } from "@effect/vitest"
import { type ClientEvent, ClosedError } from "../../src/client/HeraldClient.ts"
import { connected } from "../support/FakeTransport.ts"
import { value } from "../support/Said.ts"
import { turn, until } from "../support/turn.ts"

describe("close", () => {
  it("HK3 UP4 SDK5: a hook that runs is aborted and not waited for; what it does later changes nothing and is not answered", async () => {
    for (const name of ["validate", "apply", "confirm"] as const) {
      for (const fails of [false, true]) {
        const after: Array<unknown> = []
        let end = (_: unknown) => {}
        let aborted = false
        let closed = false
        const { client, clock, transport } = await connected([value("shop", 1, 1)], {
          [name]: (v: unknown, { signal }: { signal: AbortSignal }) => {
            if (closed) after.push(v)
            if (v !== 2) return undefined
            signal.addEventListener("abort", () => {
              aborted = true
            })
            return new Promise((resolve, reject) => {
              end = fails ? reject : resolve
            })
          },
          onEvent: (event: ClientEvent) => void (closed && after.push(event)),
          onStateChange: (state) => void (closed && after.push(state))
        })
        transport.say(value("shop", 2, 2))
        await turn()
        transport.say(value("shop", 3, 3))
        const settled = client.settled()
        await client.close()
        closed = true
        await settled
        const { sent } = transport.last
        const before = sent.length
        end(new Error("late"))
        for (let n = 0; n < 10; n++) await turn()
        await clock.advance(1_000_000)

        assert.deepStrictEqual([after, aborted, clock.waiting], [[], true, []], `${name} ${fails}`)
        assert.strictEqual(sent.length, before)
        assert.notStrictEqual(client.get("shop"), 3)
        assert.isTrue(client.getEntry("shop")?.stale)
      }
    }
  })

  it("UP4: at whatever point of a version's way it comes, nothing changes and nothing is answered afterwards", async () => {
    for (let hops = 0; hops < 20; hops++) {
      const { client, transport } = await connected([value("shop", 1, 1)])
      client.watch("shop")
      await client.settled()
      transport.say(value("shop", 2, 2))
      for (let n = 0; n < hops; n++) await Promise.resolve()
      const closing = client.close()
      const [shown, answered] = [client.get("shop"), transport.acks.length]
      await closing
      await turn()

      assert.deepStrictEqual([client.get("shop"), transport.acks.length], [shown, answered], `after ${hops}`)
    }
  })

  it("LN3: what waits for its turn, and what waits for a hook that is over its time, is not tried", async () => {
    const ran: Array<unknown> = []
    let end = () => {}
    const { client, clock, transport } = await connected([value("shop", 1, 1)], {
      hookTimeoutMillis: 100,
      apply: (v) => {
        ran.push(v)
        return v === 2 ? new Promise<void>((resolve) => (end = resolve)) : undefined
      }
    })
    transport.say(value("shop", 2, 2))
    await turn()
    await clock.advance(100)
    transport.say(value("shop", 3, 3))
    await turn()
    await client.close()
    end()
    for (let n = 0; n < 10; n++) await turn()

    assert.deepStrictEqual([ran, clock.waiting], [[1, 2], []])
  })

  it("SDK5: is one, however often it is called, also from inside a hook or a listener", async () => {
    const states: Array<string> = []
    let inHook: Promise<void> | undefined
    const { client, transport } = await connected([value("shop", 1, 1)], {
      apply: async (v) => {
        if (v !== 2) return
        inHook = client.close()
        await inHook
      },
      onStateChange: (state) => {
        states.push(state)
        if (state === "closed") void client.close()
      }
    })
    transport.say(value("shop", 2, 2))
    await until(() => inHook !== undefined)
    await inHook
    await Promise.all([client.close(), client.close()])

    assert.deepStrictEqual(states, ["live", "closed"])
    assert.throws(() => client.watch("shop"), ClosedError)
    assert.instanceOf(await client.reportHealth("healthy").catch((error) => error), ClosedError)
  })
})

describe("a file of 100,000 keys", () => {
  it("KT2: is made in pieces that let the process breathe", async () => {
    const { encode } = await import("../../src/client/KeptFile.ts")
    const shape = { environment: "e", service: "s", labels: {}, patterns: ["s"] }
    const version = { version: 1, revision: 1n, epoch: "e1", format: "string", content: "x".repeat(50), digest: "d" }
    const versions = Array.from({ length: 100_000 }, (_, n) => ({
      ...{ ...version, key: `k${n}`, deleted: false, strict: false, unconfirmed: false },
      ...{ source: "live" as const, traceparent: "" }
    }))
    let turns = 0
    let going = true
    const count = () => {
      turns++
      if (going) setImmediate(count)
    }
    setImmediate(count)
    let pieces = 0
    for await (const piece of encode({ epoch: "e1", revision: 1n, versions }, shape)) {
      pieces++
      assert.isBelow(piece.length, 500_000)
    }
    going = false
    assert.isAtLeast(pieces, 100)
    assert.isAtLeast(turns, 99)
  })
})
