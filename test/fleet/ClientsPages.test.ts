import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { CurrentIdentity, system } from "../../src/access/Identity.ts"
import { client } from "../../src/edge/http/fleet/Wire.ts"
import { type Client, Clients, type ClientsPage } from "../../src/fleet/Clients.ts"
import type { InstanceStore, ListOptions } from "../../src/fleet/InstanceStore.ts"
import { cost, fact, facts, head, layerOn, report } from "./Reports.ts"

describe("pages of clients, and of the keys of one", () => {
  it.effect(
    "CL2 CL1 the keys of an instance come in pages, each at the cost of what it shows, and trouble comes first",
    () => {
      const name = (i: number) => `shop.k${String(i).padStart(5, "0")}`
      const many = Array.from({ length: 20_000 }, (_, i) => head(name(i), 1))
      const list: InstanceStore["Service"]["list"] = ({ keys, afterKey = "" }) => {
        const known = [...[2, 5, 3_000].map((i) => facts(name(i), { sent: fact(1), applied: fact(1) }))].concat(
          facts(name(15_000), { sent: fact(1), rejected: fact(1, "no") })
        )
        const rest = known.filter(({ key }) => key > afterKey)
        const troubled = rest.slice(keys).filter(({ rejected }) => rejected !== undefined)
        return Effect.succeed([{ ...report, keys: [...rest.slice(0, keys), ...troubled] }])
      }
      return Effect.gen(function* () {
        const clients = yield* Clients
        cost.read = 0
        const [first] = (yield* clients.list({ limit: 1, keys: 10 })).clients
        const spent = cost.read
        const [second] = (yield* clients.list({ limit: 1, keys: 10, afterKey: first!.nextKey })).clients
        const shown = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => name(from + i))

        assert.deepStrictEqual(
          first!.keys.map(({ key }) => key),
          [...shown(0, 10), name(15_000)]
        )
        assert.deepStrictEqual(
          first!.keys.filter(({ applied }) => applied !== undefined).map(({ key }) => key),
          [name(2), name(5)]
        )
        assert.deepStrictEqual(
          second!.keys.map(({ key }) => key),
          shown(10, 20)
        )
        assert.isAtMost(spent, 1_000)
        let [after, pages]: [string | undefined, number] = ["", 0]
        const all = new Set<string>()
        while (after !== undefined) {
          const [found]: ReadonlyArray<Client> = (yield* clients.list({ limit: 1, keys: 1_000, afterKey: after }))
            .clients
          for (const { key } of found!.keys) all.add(key)
          after = found!.nextKey
          pages++
        }
        assert.strictEqual(all.size, 20_000)
        assert.isAtMost(pages, 22)
      }).pipe(Effect.provideService(CurrentIdentity, system), Effect.provide(layerOn(list, many)))
    }
  )

  it.effect(
    "CL3 patterns that cover one another cost no more than one of them, and keys come once and in order",
    () => {
      const deep = (i: number) => "a.".repeat(i + 1)
      const keys = Array.from({ length: 3_000 }, (_, i) => `${deep(99)}k${String(i).padStart(5, "0")}`)
      const all = [head("a", 1), ...keys.map((key) => head(key, 1)), head("b.x", 1), head("b.y", 1)]
      const patterns = ["b.x", "b.*", "a", ...Array.from({ length: 100 }, (_, i) => `${deep(i)}*`), "b.y"]
      const list = () => Effect.succeed([{ ...report, patterns, keys: [] }])
      return Effect.gen(function* () {
        const clients = yield* Clients
        cost.read = 0
        const [first] = (yield* clients.list({ limit: 1, keys: 1_000 })).clients
        const spent = cost.read
        const [last] = (yield* clients.list({ limit: 1, keys: 1_000, afterKey: keys.at(-2) })).clients

        assert.deepStrictEqual(
          first!.keys.map(({ key }) => key),
          ["a", ...keys.slice(0, 999)]
        )
        assert.strictEqual(first!.nextKey, keys[998])
        assert.deepStrictEqual(
          last!.keys.map(({ key }) => key),
          [keys.at(-1), "b.x", "b.y"]
        )
        assert.isUndefined(last!.nextKey)
        assert.isAtMost(spent, 2_000)
      }).pipe(Effect.provideService(CurrentIdentity, system), Effect.provide(layerOn(list, all)))
    }
  )

  it.effect("CL3 many deleted keys end a page early, and the pages after it show what is left", () => {
    const name = (i: number) => `shop.k${String(i).padStart(5, "0")}`
    const all = Array.from({ length: 30_000 }, (_, i) => head(name(i), 1, i !== 29_999))
    const list = () => Effect.succeed([{ ...report, keys: [] }])
    return Effect.gen(function* () {
      const clients = yield* Clients
      let after: string | undefined = ""
      let most = 0
      const found: Array<string> = []
      while (after !== undefined) {
        cost.read = 0
        const [page]: ReadonlyArray<Client> = (yield* clients.list({ limit: 1, afterKey: after })).clients
        most = Math.max(most, cost.read)
        found.push(...page!.keys.map(({ key }) => key))
        after = page!.nextKey
      }

      assert.deepStrictEqual(found, [name(29_999)])
      assert.isAtMost(most, 10_500)
    }).pipe(Effect.provideService(CurrentIdentity, system), Effect.provide(layerOn(list, all)))
  })

  it.effect("CL4 lagging ones are looked for a bounded number at a time, and an empty page says where to go on", () => {
    const asked: Array<ListOptions> = []
    const many: InstanceStore["Service"]["list"] = (options) =>
      Effect.sync(() => {
        asked.push(options)
        const from = Number(options.after?.instance ?? -1) + 1
        return Array.from({ length: options.limit }, (_, at) => ({
          ...report,
          instance: String(from + at),
          patterns: ["shop"],
          keys: [facts("shop", { applied: fact(from + at === 2_500 ? 1 : 2) })]
        }))
      })
    return Effect.gen(function* () {
      const clients = yield* Clients
      const first = yield* clients.list({ limit: 1, lagging: true })
      assert.deepStrictEqual(first.clients, [])
      assert.strictEqual(first.next?.instance, "1999")
      assert.isTrue(asked.every(({ connected }) => connected === true))
      const second = yield* clients.list({ limit: 1, lagging: true, after: first.next })
      assert.deepStrictEqual(
        second.clients.map(({ instance }) => instance),
        ["2500"]
      )
      assert.isDefined(second.next)
    }).pipe(Effect.provide(layerOn(many)), Effect.provideService(CurrentIdentity, system))
  })

  it.effect("CL1 a page ends when it is large, and the next goes on after its last instance", () => {
    const reason = "x".repeat(1_000)
    const all = Array.from({ length: 500 }, (_, i) => ({
      ...report,
      instance: `i${String(i).padStart(3, "0")}`,
      keys: Array.from({ length: 50 }, (_, n) => facts(`shop.k${n}`, { rejected: fact(1, reason) }))
    }))
    const list: InstanceStore["Service"]["list"] = ({ after, limit }) =>
      Effect.succeed(all.filter(({ instance }) => instance > (after?.instance ?? "")).slice(0, limit))
    return Effect.gen(function* () {
      const clients = yield* Clients
      const seen: Array<string> = []
      let largest = 0
      let next: ClientsPage["next"]
      do {
        const page: ClientsPage = yield* clients.list({ limit: 1_000, after: next })
        for (const { instance } of page.clients) seen.push(instance)
        largest = Math.max(largest, JSON.stringify(page.clients.map(client)).length)
        next = page.next
      } while (next !== undefined)

      assert.deepStrictEqual(
        seen,
        all.map(({ instance }) => instance)
      )
      assert.isAtMost(largest, 5 * 1024 * 1024)
    }).pipe(Effect.provideService(CurrentIdentity, system), Effect.provide(layerOn(list, [])))
  })
})
