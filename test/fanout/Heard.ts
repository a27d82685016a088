/** Readers on a node, over a log in memory, and what they were told. */

import { zstdDecompressSync } from "node:zlib"
import { assert } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Access } from "../../src/access/Access.ts"
import { CurrentIdentity, type Identity, system } from "../../src/access/Identity.ts"
import type { HeraldError } from "../../src/errors/HeraldError.ts"
import { Batch, type Told } from "../../src/fanout/Batch.ts"
import { Fanout, type ReadWish } from "../../src/fanout/Fanout.ts"
import { HeardLogs } from "../../src/fanout/HeardLogs.ts"
import { eventsOf as picked } from "../../src/fanout/Picking.ts"
import { eventIn } from "../../src/fanout/Rows.ts"
import { Activity } from "../../src/topics/Activity.ts"
import { EphemeralLog } from "../../src/topics/EphemeralLog.ts"
import { KnownTopics } from "../../src/topics/KnownTopics.ts"
import { messageOf } from "../../src/topics/Message.ts"
import { type Log, TopicLog } from "../../src/topics/TopicLog.ts"
import { eventsOf, TestLog } from "../support/TestLog.ts"
import { waitUntil } from "../support/waitUntil.ts"

export const good = { value: true }
/** What is asked for besides requests is given when that has waited. */
export const purse = { waits: Effect.void as Effect.Effect<void> }
const access = Layer.mock(Access, {
  spend: () => Effect.suspend(() => purse.waits),
  stillValid: ({ keyId }) => Effect.succeed(keyId === "system" || good.value)
})
export const as = (identity: Identity) => Effect.provideService(CurrentIdentity, identity)
const wish: ReadWish = {
  ...{ topic: "t", start: { from: "earliest" }, partitions: [], filter: "", fields: [] },
  ...{ overflow: "block", unpacks: false }
}

export const on = (
  body: (test: TestLog) => Effect.Effect<void, HeraldError, Fanout | TopicLog | KnownTopics | HeardLogs>,
  options: { readers?: number; ringBytes?: number; ephemeral?: Log } = {}
) => {
  const test = new TestLog()
  const { ephemeral } = options
  const logs =
    ephemeral === undefined
      ? test.layer
      : Layer.merge(
          test.layer,
          Layer.succeed(EphemeralLog, { ...ephemeral, topics: Effect.succeed([]), forget: () => Effect.void })
        )
  const fanout = Fanout.layer({ readers: 10, ringBytes: 65_536, ringsBytes: 1_048_576, ...options })
  const layer = fanout.pipe(
    Layer.provideMerge(HeardLogs.layer),
    Layer.provide([access, Activity.layer]),
    Layer.provideMerge(KnownTopics.layer),
    Layer.provide(logs)
  )
  return body(test).pipe(Effect.provide(layer), as(system))
}

/** What one reader was told. */
export class Heard {
  readonly told: Array<Told> = []
  error: HeraldError | undefined
  /** Batches that it takes still. */
  room = Number.POSITIVE_INFINITY
  #then: (() => void) | undefined
  close = () => {}
  readonly sink = {
    write: (told: Told) => {
      this.told.push(told)
      return told.kind !== "batch" || --this.room > 0
    },
    drained: (then: () => void) => void (this.#then = then),
    end: (error: HeraldError) => {
      this.error = error
      this.close()
    }
  }
  drain(): void {
    this.room = Number.POSITIVE_INFINITY
    const then = this.#then
    this.#then = undefined
    then?.()
  }
  get texts(): ReadonlyArray<string> {
    return this.told.flatMap((told) => {
      if (told.kind !== "batch") return []
      const { compressed } = told
      const rows = compressed === undefined ? told.rows : [zstdDecompressSync(compressed)]
      return [...picked(new Batch({ ...told, first: told.first, rows, compressed: undefined }))].map(({ entry }) =>
        Buffer.from(messageOf(eventIn(entry)).payload).toString()
      )
    })
  }
  get kinds(): ReadonlyArray<string> {
    return this.told.map((told) => (told.kind === "gap" ? told.why : told.kind))
  }
}

export const open = Effect.fnUntraced(function* (more: Partial<ReadWish> = {}) {
  const heard = new Heard()
  const fanout = yield* Fanout
  heard.close = yield* fanout.open({ ...wish, ...more }, heard.sink)
  return heard
})
/** The name of the error that opening fails with. */
export const refused = (more: Partial<ReadWish> = {}) =>
  Effect.match(open(more), { onSuccess: () => "opened", onFailure: ({ name }) => name })
export const until = (what: string, holds: () => boolean) => Effect.promise(() => waitUntil(what, holds))
export const texts = (heard: Heard, ...expected: ReadonlyArray<string>) =>
  until(`${expected.length} events`, () => heard.texts.length >= expected.length).pipe(
    Effect.andThen(Effect.sync(() => assert.deepStrictEqual(heard.texts, expected)))
  )
export const append = (topic: number, partition: number, ...all: ReadonlyArray<string>) =>
  Effect.flatMap(TopicLog, (log) =>
    log.append({ topic, partition, events: eventsOf(...all), compression: "zstd", producing: undefined })
  )
