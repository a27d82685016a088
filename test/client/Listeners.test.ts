/** What an application's own code may do to the client that it uses: nothing. */
import { assert, describe, it } from "@effect/vitest"
import { type ClientEvent, HeraldClient } from "../../src/client/HeraldClient.ts"
import { Listeners } from "../../src/client/Listeners.ts"
import { explosives } from "../support/Explosives.ts"
import { FakeClock } from "../support/FakeClock.ts"
import { connected } from "../support/FakeTransport.ts"
import { synced, value } from "../support/Said.ts"
import { turn, until } from "../support/turn.ts"

/** Throws at once, rejects, rejects later, or answers a thenable that throws. */
const ways: ReadonlyArray<readonly [string, (thrown: unknown) => () => unknown]> = [
  [
    "throws",
    (thrown) => () => {
      throw thrown
    }
  ],
  ["rejects", (thrown) => () => Promise.reject(thrown)],
  [
    "rejects later",
    (thrown) => async () => {
      await turn()
      throw thrown
    }
  ],
  [
    "answers a thenable that throws",
    (thrown) => () => ({
      // biome-ignore lint/suspicious/noThenProperty: that is the point
      then() {
        throw thrown
      }
    })
  ]
]

describe("listeners", () => {
  for (const [what, make] of explosives) {
    for (const [how, listener] of ways) {
      it(`LS1 LS2: ${how} with ${what}: contained in every listener, and told`, async () => {
        const bad = listener(make())
        const events: Array<ClientEvent> = []
        const lines: Array<string> = []
        const told = await connected([value("shop", 1, 1)], {
          onStateChange: bad as never,
          onEvent: (event) => void events.push(event),
          logger: (line) => void lines.push(line)
        })
        await until(() => events.some(({ type }) => type === "listener-failed"))
        const failed = events.find((event) => event.type === "listener-failed")
        assert.strictEqual(failed?.listener, "onStateChange")
        assert.isAtMost(failed?.reason.length ?? 0, 4_096)
        assert.deepStrictEqual([told.client.state, told.client.get("shop"), lines], ["live", 1, []])
        await told.client.close()

        const logged = await connected([value("shop", 1, 1)], {
          validate: () => false,
          onEvent: bad as never,
          logger: (line) => {
            lines.push(line)
            return bad() as never
          }
        })
        await until(() => lines.length > 0)
        assert.match(lines[0]!, /^HRLD-5105: onEvent failed on an event of type "rejected"/)
        assert.strictEqual(logged.client.state, "live")
        await logged.client.close()
      })

      it(`LS1: ${how} with ${what}: a hook refuses its version and nothing else happens`, async () => {
        for (const name of ["validate", "apply", "confirm"] as const) {
          const bad = listener(make())
          const { client, transport } = await connected([value("shop", 1, 1)], {
            [name]: (v: unknown) => (v === 2 ? bad() : undefined)
          })
          transport.say(value("shop", 2, 2))
          transport.say(value("shop.b", 3, 3))
          await client.settled()
          await until(() => transport.acks.length === 3)

          assert.deepStrictEqual([client.get("shop"), client.get("shop.b"), client.state], [1, 3, "live"])
          const reason = transport.acks.find(({ revision }) => revision === 2n)?.reason
          assert.match(reason ?? "", new RegExp(`^${name}: `))
          await client.close()
        }
      })
    }
  }

  it("LS2: what can't be told to onEvent is one line a listener and minute", () => {
    const clock = new FakeClock()
    const lines: Array<string> = []
    const bad = () => {
      throw new Error("no")
    }
    const listeners = new Listeners(
      { onEvent: bad, onStateChange: bad, logger: (line) => void lines.push(line) },
      clock
    )
    for (let n = 0; n < 100; n++) listeners.event({ type: "drain", reconnectAfterMillis: 1 })
    listeners.state("live", "stale", undefined)
    assert.strictEqual(lines.length, 1)
    void clock.advance(60_000)
    listeners.event({ type: "drain", reconnectAfterMillis: 1 })
    assert.strictEqual(lines.length, 2)
  })

  it("LS1: without onEvent the failure of another listener goes to the logger", async () => {
    const lines: Array<string> = []
    const { client } = await connected([], {
      onStateChange: () => {
        throw new Error("mine")
      },
      logger: (line) => void lines.push(line)
    })
    assert.match(lines.join(), /HRLD-5105: onStateChange failed on the state "live": mine/)
    await client.close()
  })
})

it("events, entries, positions and states survive JSON.stringify, spread and structuredClone", async () => {
  const events: Array<ClientEvent> = []
  const seen: Array<unknown> = []
  const { client, transport } = await connected([value("shop", 2 ** 40, { a: 1 })], {
    validate: (v, { signal: _, ...context }) => {
      seen.push(context)
      return v !== 2
    },
    onStateChange: (...states) => void seen.push(states),
    onEvent: (event) => events.push(event)
  })
  const watch = client.watch("shop")
  await client.settled()
  for await (const change of watch) {
    seen.push(change)
    break
  }
  transport.say(value("shop", 2 ** 40 + 1, 2))
  await client.settled()
  transport.say({ kind: 5, key: "shop.x", message: "no label" })
  transport.say({ kind: 3, stale: true })
  transport.say({ kind: 4, reconnectAfterMs: 5 })
  transport.end()

  const all = [...events, ...seen, client.getEntry("shop"), client.position]
  assert.isAbove(all.length, 10)
  for (const one of all) {
    assert.deepStrictEqual(structuredClone(one), one)
    assert.isString(JSON.stringify(one))
    assert.isString(JSON.stringify({ ...(one as object), at: 1 }))
  }
  assert.strictEqual(client.getEntry("shop")?.revision, 2 ** 40)
  assert.deepStrictEqual(events.find((event) => event.type === "rejected")?.revision, 2 ** 40 + 1)
  await client.close()
})

it("OP2: options that explode when read are an OptionError; what is changed later changes nothing", async () => {
  const base = { address: "x:1", service: "shop", instance: "i1" }
  const refused = await HeraldClient.connect(
    Object.defineProperty({ ...base }, "labels", {
      enumerable: true,
      get: () => {
        throw new Error("mine")
      }
    }) as never
  ).catch((e) => e)
  assert.match(String(refused), /OptionError: HRLD-1001: the options can't be read: mine/)

  const labels: Record<string, string> = { zone: "a" }
  const keys = ["shop"]
  const { client, clock, transport } = await connected([], { labels, keys })
  labels["zone"] = "b"
  keys.push("more")
  transport.end()
  await clock.advance(250)
  assert.deepStrictEqual([transport.last.hello.metadata, transport.last.hello.keys], [{ zone: "a" }, ["shop"]])
  transport.say(synced(0))
  await client.close()
})

it("LS1: the onStale of a watch that throws is told and changes nothing", async () => {
  const events: Array<ClientEvent> = []
  const { client, transport } = await connected([value("shop", 1, 1, { strict: true })], {
    onEvent: (event) => events.push(event)
  })
  client.watch("shop", {
    onStale: () => {
      throw new Error("mine")
    }
  })
  transport.say({ kind: 3, stale: true })
  assert.deepStrictEqual(events.at(-1), { type: "listener-failed", listener: "onStale", reason: "mine" })
  await client.close()
})
