/** The board in a real Redis, one and a Redis Cluster, by the user that docs/redis.md shows, and by one who may not write there. */
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Redacted } from "effect"
import { afterAll, beforeAll } from "vitest"
import * as Tickets from "../../layers/Redis/access/OpenTickets.ts"
import { Client, RedisAway, type RedisOptions } from "../../layers/Redis/connection/Client.ts"
import * as Board from "../../layers/Redis/noticeboard/Noticeboard.ts"
import { Noticeboard } from "../../src/noticeboard/Noticeboard.ts"
import { type Started, startCluster, startRedis } from "../support/Redis.ts"
import { noticeboardContract } from "./Noticeboards.ts"
import { openTicketsContract } from "./OpenTickets.ts"

const page = readFileSync(new URL("../../docs/redis.md", import.meta.url), "utf8")

for (const [mode, start] of [
  ["single", startRedis],
  ["cluster", startCluster]
] as const satisfies ReadonlyArray<readonly [RedisOptions["mode"], () => Promise<Started>]>)
  describe(`the board in Redis, ${mode}`, () => {
    let redis: Started
    beforeAll(async () => {
      redis = await start()
    })
    afterAll(() => redis?.[Symbol.asyncDispose]())
    const clientOf = (url: string) =>
      Client.layer({ url: Redacted.make(url), mode, sentinelName: "mymaster", timeout: 2_000 })
    const node = () => Layer.unwrap(Effect.sync(() => Board.layer().pipe(Layer.provide(clientOf(redis.url)))))
    const standing = async (name: string) => {
      for (const server of redis.nodes) {
        const found = await server
          .ask((one) => Promise.all([one.get(name), one.pttl(name)]))
          .catch(() => [null, -2] as const) // another node of the cluster has it
        if (found[0] !== null) return { text: found[0], left: found[1] }
      }
      return { text: null, left: 0 }
    }
    noticeboardContract((name, body) => it.live(name, body), node, standing)
    openTicketsContract(
      (name, body) => it.live(name, body),
      () => Layer.unwrap(Effect.sync(() => Tickets.layer.pipe(Layer.provide(Layer.fresh(clientOf(redis.url))))))
    )

    it.live("RW3 two that have names of their own overwrite nothing of each other", () =>
      Effect.gen(function* () {
        for (const noticePrefix of ["one:", "two:", undefined]) {
          const layer = Board.layer(noticePrefix === undefined ? {} : { noticePrefix })
          const built = yield* Layer.build(layer.pipe(Layer.provide(Layer.fresh(clientOf(redis.url)))))
          const text = JSON.stringify(noticePrefix ?? "")
          yield* Context.get(built, Noticeboard)!.put([{ name: "topic_stats:a", text, millis: 60_000 }])
        }
        const found = yield* Effect.promise(() =>
          Promise.all(["one:", "two:", ""].map((prefix) => standing(`${prefix}topic_stats:a`)))
        )
        assert.deepStrictEqual(
          found.map(({ text }) => text),
          ['"one:"', '"two:"', '""']
        )
      }).pipe(Effect.scoped)
    )

    if (mode !== "single") return
    const as = (user: string, rules: string) =>
      Effect.promise(async () => {
        await redis.nodes[0]!.ask((one) => one.call("ACL", "SETUSER", user, ...rules.split(" ")))
        return redis.url.replace("redis://", `redis://${user}:secret@`)
      })

    it.live(
      "RW2 the user that docs/redis.md shows may write there; for one who may not nothing else is thought of Redis",
      () =>
        Effect.gen(function* () {
          const rules = /^user herald (on .*)$/m.exec(page)![1]!.replace("<password>", "secret")
          const names = ["topic_stats:a/b", "subscription:1", "routing:a/*", "backpressure:a/b:0"]
          const notices = names.map((name) => ({ name, text: "{}", millis: 60_000 }))
          const withUser = Effect.fnUntraced(function* (url: string) {
            const context = yield* Layer.build(Board.layer().pipe(Layer.provideMerge(Layer.fresh(clientOf(url)))))
            const board = Context.get(context, Noticeboard)!
            for (let n = 0; n < 6; n++) yield* board.put(notices)
            const { away, call } = Context.get(context, Client)
            assert.isFalse(away())
            yield* Effect.orDie(call((one) => one.set("config:x:y", "1")))
          })
          yield* withUser(yield* as("narrow", `${rules.replace(/~(?!config:)\S+ /g, "")}`))
          for (const name of names) assert.isNull((yield* Effect.promise(() => standing(name))).text)
          yield* withUser(yield* as("herald", rules))
          for (const name of names) assert.strictEqual((yield* Effect.promise(() => standing(name))).text, "{}")
        }).pipe(Effect.scoped)
    )

    it.live("RW1 they go out in lots of bounded keys and bytes, one after the other, and one that fails ends it", () =>
      Effect.gen(function* () {
        const lots: Array<number> = []
        let fails = false
        const pipeline = (wants: ReadonlyArray<unknown>) => {
          lots.push(wants.length)
          return { exec: async () => wants.map(() => [fails ? new Error("no") : null]) }
        }
        const client = Client.of({
          ...{ cluster: false, away: () => false },
          call: (run) =>
            Effect.tryPromise({
              try: () => run({ pipeline } as unknown as Parameters<typeof run>[0]),
              catch: () => new RedisAway({ message: "no" })
            })
        })
        const built = yield* Layer.build(Board.layer().pipe(Layer.provide(Layer.succeed(Client, client))))
        const { put } = Context.get(built, Noticeboard)!
        const notices = (count: number, bytes: number) =>
          Array.from({ length: count }, (_, n) => ({ name: `n${n}`, text: "x".repeat(bytes), millis: 1 }))
        yield* put(notices(250, 10))
        assert.deepStrictEqual(lots.splice(0), [100, 100, 50])
        yield* put(notices(9, 60_000))
        assert.deepStrictEqual(lots.splice(0), [4, 4, 1])
        fails = true
        yield* put(notices(250, 10))
        assert.deepStrictEqual(lots, [100])
      }).pipe(Effect.scoped)
    )
  })
