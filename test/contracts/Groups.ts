/** What consumer groups must do. Run on the memory twin and on a real Kafka; tests of one suite share one topic. */
import { assert } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { EventGroups } from "../../src/consumers/EventGroups.ts"
import type { Received } from "../../src/consumers/Received.ts"
import { failure } from "../../src/errors/HeraldError.ts"
import { clientEvent } from "../../src/outbox/Event.ts"
import { EventLog } from "../../src/outbox/EventLog.ts"

type Test = <E>(name: string, body: () => Effect.Effect<void, E, EventGroups | EventLog>) => void

const run = Math.random().toString(36).slice(2)

/** `n` events of each service; their order is in the instance. */
const publish = (services: ReadonlyArray<string>, from: number, to: number) =>
  Effect.flatMap(EventLog, (log) =>
    log.publish(
      services.flatMap((service) =>
        Array.from({ length: to - from }, (_, i) =>
          clientEvent(`${service}/${from + i}`, "n1", {
            type: "client_connect",
            environment: "production",
            service,
            instance: String(from + i),
            reason: "",
            at: 0
          })
        )
      )
    )
  )

const keyOf = ({ key }: Received) => new TextDecoder().decode(key!)
const numberOf = ({ headers }: Received) => Number(headers["ce_id"]!.split("/").at(-1))
const upTo = (n: number) => Array.from({ length: n }, (_, i) => i)
const until = (done: () => boolean) =>
  Effect.sleep("20 millis").pipe(Effect.repeat({ until: done }), Effect.timeout("60 seconds"))

export const groupsContract = (test: Test) => {
  test("EG1 batches have messages of one partition, in order, at most as many as asked for", () =>
    Effect.gen(function* () {
      const groups = yield* EventGroups
      const services = ["a", "b", "c"].map((name) => `${run}.one.${name}`)
      const seen = new Map<string, Array<number>>(services.map((service) => [service, []]))
      const busy = new Set<number>()
      yield* publish(services, 0, 25)
      const take = (batch: ReadonlyArray<Received>) =>
        Effect.gen(function* () {
          assert.isAtMost(batch.length, 10)
          assert.strictEqual(new Set(batch.map(({ partition }) => partition)).size, 1)
          assert.isFalse(busy.has(batch[0]!.partition))
          busy.add(batch[0]!.partition)
          yield* Effect.sleep("5 millis")
          busy.delete(batch[0]!.partition)
          for (const received of batch) seen.get(keyOf(received))?.push(numberOf(received))
        })
      const consumer = yield* Effect.forkChild(groups.consume({ group: `${run}.one`, size: 10, take }))
      yield* until(() => services.every((service) => seen.get(service)!.length >= 25))
      yield* publish(services, 25, 30)
      yield* until(() => services.every((service) => seen.get(service)!.length >= 30))
      yield* Fiber.interrupt(consumer)

      for (const service of services) assert.deepStrictEqual(seen.get(service), upTo(30))
    }))

  test("EG2 the next consumer goes on behind what was taken, with what was not taken to the end", () =>
    Effect.gen(function* () {
      const groups = yield* EventGroups
      const service = `${run}.two`
      const group = `${run}.two`
      yield* publish([service], 0, 10)
      const first: Array<number> = []
      const second: Array<number> = []
      const stuck = yield* Deferred.make<void>()
      const mine = (batch: ReadonlyArray<Received>) => batch.filter((one) => keyOf(one) === service).map(numberOf)
      const one = yield* Effect.forkChild(
        groups.consume({
          group,
          size: 5,
          take: (batch) =>
            Effect.suspend(() => {
              const numbers = mine(batch)
              if (first.length >= 5 && numbers.length > 0)
                return Effect.andThen(Deferred.succeed(stuck, undefined), Effect.never)
              first.push(...numbers)
              return Effect.void
            })
        })
      )
      yield* Deferred.await(stuck)
      yield* Fiber.interrupt(one)
      const take = (batch: ReadonlyArray<Received>) => Effect.sync(() => void second.push(...mine(batch)))
      const two = yield* Effect.forkChild(groups.consume({ group, size: 5, take }))
      yield* until(() => second.includes(9))
      yield* publish([service], 10, 12)
      yield* until(() => second.includes(11))
      yield* Fiber.interrupt(two)

      assert.deepStrictEqual([...first, ...second], upTo(12))
      const behind = yield* groups.lag(group)
      assert.isTrue(behind.every(({ next, end }) => next <= end))
    }))

  test("EG3 what can't be taken comes again later, in order, and other partitions go on", () =>
    Effect.gen(function* () {
      const groups = yield* EventGroups
      const services = upTo(12).map((n) => `${run}.three.${n}`)
      yield* publish(services, 0, 5)
      const seen = new Map<string, Array<number>>(services.map((service) => [service, []]))
      const partitions = new Map<string, number>()
      let broken: number | undefined
      let tries = 0
      let mended = false
      const consumer = yield* Effect.forkChild(
        groups.consume({
          group: `${run}.three`,
          size: 100,
          take: (batch) =>
            Effect.suspend(() => {
              const mine = batch.filter((one) => seen.has(keyOf(one)))
              if (mine.length === 0) return Effect.void
              broken ??= batch[0]!.partition
              if (batch[0]!.partition === broken && !mended) {
                tries++
                return Effect.fail(failure("DatabaseUnavailable", "not now"))
              }
              for (const one of mine) {
                seen.get(keyOf(one))!.push(numberOf(one))
                partitions.set(keyOf(one), one.partition)
              }
              return Effect.void
            })
        })
      )
      yield* until(() => tries >= 3)
      yield* until(() => [...partitions.values()].length >= 1)
      assert.isBelow(tries, 12) // it does not spin
      mended = true
      yield* until(() => [...seen.values()].every(({ length }) => length >= 5))
      yield* Fiber.interrupt(consumer)

      for (const numbers of seen.values()) assert.deepStrictEqual(numbers, upTo(5))
      assert.include([...partitions.values()], broken)
    }))

  test("EG2 of two consumers each message is taken by one; when one ends, the other takes all", () =>
    Effect.gen(function* () {
      const groups = yield* EventGroups
      const services = upTo(12).map((n) => `${run}.four.${n}`)
      const taken: Array<string> = []
      const take = (batch: ReadonlyArray<Received>) =>
        Effect.sync(() => {
          for (const one of batch) if (services.includes(keyOf(one))) taken.push(one.headers["ce_id"]!)
        })
      const join = Effect.forkChild(groups.consume({ group: `${run}.four`, size: 100, take }))
      const one = yield* join
      yield* publish(services, 0, 5)
      yield* until(() => taken.length >= 60)
      const two = yield* join
      yield* Effect.sleep("1 second")
      yield* publish(services, 5, 10)
      yield* until(() => new Set(taken).size >= 120)
      yield* Fiber.interrupt(one)
      yield* publish(services, 10, 15)
      yield* until(() => new Set(taken).size >= 180)
      yield* Fiber.interrupt(two)

      assert.strictEqual(new Set(taken).size, 180)
    }))
}
