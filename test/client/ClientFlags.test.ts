import { assert, describe, it } from "@effect/vitest"
import { onTestFinished } from "vitest"
import type { ConfigUpdate } from "../../proto/generated/herald/distribution/v1/distribution.ts"
import { type ConnectOptions, HeraldClient, OptionError } from "../../src/client/HeraldClient.ts"
import { FakeClock } from "../support/FakeClock.ts"
import { FakeTransport } from "../support/FakeTransport.ts"
import { newFolder } from "../support/folder.ts"
import { deleted, synced, value } from "../support/Said.ts"
import { turn } from "../support/turn.ts"

const start = async (
  updates: ReadonlyArray<Partial<ConfigUpdate>> | undefined,
  options: Partial<ConnectOptions> = {}
) => {
  const [clock, transport] = [new FakeClock(), new FakeTransport()]
  transport.greet = (stream) => {
    if (updates === undefined) return stream.end()
    for (const update of updates) stream.say(update)
    stream.say(synced(updates.length))
  }
  const client = await HeraldClient.connect(
    { address: "herald:50051", service: "shop", instance: "i1", flags: true, ...options },
    {
      clock,
      transport,
      checkFlag: (name, said) => (said === "bad" ? `${name} can't be read` : undefined)
    }
  )
  await turn()
  return { client, clock, transport }
}

describe("flags of the client", () => {
  it("LF1 asks for flags beside its keys, and has them apart from configurations and their hooks", async () => {
    const seen: Array<string> = []
    const { client, transport } = await start([value("shop", 1, "s"), value("@flag/a", 2, { on: 1 })], {
      validate: (_, { key }) => void seen.push(key)
    })
    await client.settled()
    assert.deepStrictEqual(transport.last.hello.keys, ["shop", "shop.*", "@flag/*"])
    assert.deepStrictEqual(client.keys(), ["shop"])
    assert.deepStrictEqual(seen, ["shop"])
    assert.deepStrictEqual(client.flags.names(), ["a"])
    assert.deepStrictEqual(client.flags.held("a"), { name: "a", version: 2, revision: 2, said: { on: 1 } })
    assert.isTrue(Object.isFrozen(client.flags.held("a")?.said))
    assert.sameDeepMembers(transport.outcomes, [
      { key: "@flag/a", revision: 2n, applied: true },
      { key: "shop", revision: 1n, applied: true }
    ])
  })

  it("LF1 a flag that is refused leaves the one before in its place, and the server hears why", async () => {
    const { client, transport } = await start([value("@flag/a", 1, "good")])
    transport.say(value("@flag/a", 2, "bad"))
    await turn()
    assert.strictEqual(client.flags.held("a")?.said, "good")
    assert.deepStrictEqual(transport.outcomes.at(-1), {
      key: "@flag/a",
      revision: 2n,
      applied: false,
      reason: "a can't be read"
    })
    transport.say(deleted("@flag/a", 3))
    assert.deepStrictEqual(client.flags.names(), [])
  })

  it("LF2 changes are told together, once each, when they are there already; not after it is no longer wanted", async () => {
    const { client, transport } = await start([value("@flag/a", 1, 1)])
    const told: Array<[ReadonlyArray<string>, unknown]> = []
    const stop = client.flags.listen({ changed: (names) => told.push([names, client.flags.held("a")?.said]) })
    for (const n of [2, 3, 4]) transport.say(value("@flag/a", n, n))
    transport.say(value("@flag/b", 5, 5))
    await turn()
    assert.deepStrictEqual(told, [[["a", "b"], 4]])
    stop()
    transport.say(value("@flag/a", 6, 6))
    await turn()
    assert.lengthOf(told, 1)
  })

  it("LF1 SDK2 starts without a server from the flags on disk, and serves them while it is gone", async () => {
    const { path: directory, remove } = newFolder()
    onTestFinished(remove)
    const first = await start([value("@flag/a", 1, "kept"), value("@flag/b", 2, "gone")], {
      keys: [],
      lastKnownGood: { directory }
    })
    assert.deepStrictEqual(first.transport.last.hello.keys, ["@flag/*"])
    first.transport.say(deleted("@flag/b", 3))
    await first.client.close()
    const { client, transport } = await start(undefined, { keys: [], lastKnownGood: { directory } })
    assert.strictEqual(client.state, "stale")
    assert.deepStrictEqual(client.flags.names(), ["a"])
    assert.strictEqual(client.flags.held("a")?.said, "kept")
    assert.deepStrictEqual(
      transport.last.hello.held.map(({ key }) => key),
      ["@flag/a"]
    )
    await client.close()
  })

  it("OP1 flags that a server would refuse are refused, and so are too many patterns of both", async () => {
    const refused = async (options: object) => {
      const error = await start([], options).catch((error: unknown) => error)
      assert.instanceOf(error, OptionError, JSON.stringify(options))
    }
    for (const flags of ["a", 1, ["*"], ["a*"], [1], ["@flag/a"], {}]) await refused({ flags })
    await refused({
      flags: Array.from({ length: 200 }, (_, n) => `f${n}`),
      keys: Array.from({ length: 60 }, (_, n) => `k${n}`)
    })
    const { transport } = await start([], { flags: ["a", "b.*"], keys: ["x"] })
    assert.deepStrictEqual(transport.last.hello.keys, ["x", "@flag/a", "@flag/b.*"])
  })
})
