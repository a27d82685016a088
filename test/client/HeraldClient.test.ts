import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { digestOf } from "../../layers/Crypto/values/Sha256.ts"
import {
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
import { deleted, synced, value } from "../support/Said.ts"
import { turn, until } from "../support/turn.ts"

const base = { address: "herald:50051", service: "shop", instance: "i1" }

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

  it("CU4 SDK1: live, then bootstrap, then default; a deletion leaves the default", async () => {
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

    assert.match(transport.outcomes.at(-1)?.reason ?? "", /port/)
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
