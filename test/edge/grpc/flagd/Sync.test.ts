import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { FetchAllFlagsResponse, SyncFlagsResponse } from "../../../../proto/generated/flagd/sync/v1/sync.ts"
import { Access } from "../../../../src/access/Access.ts"
import { system } from "../../../../src/access/Identity.ts"
import { sync } from "../../../../src/edge/grpc/flagd/Sync.ts"
import { FlagDocument, type Written } from "../../../../src/flags/FlagDocument.ts"
import { type FlagReader, FlagStreams } from "../../../../src/flags/FlagStreams.ts"
import { FlagView } from "../../../../src/flags/FlagView.ts"
import { OpenFlags } from "../../../../src/flags/OpenFlags.ts"
import { Usage } from "../../../../src/usage/Usage.ts"
import { Slices } from "../../../../src/work/Slices.ts"
import { waitUntil } from "../../../support/waitUntil.ts"
import { calling } from "./Calling.ts"

/** An environment with one flag, whose documents are counted; `hold` keeps the next one from being written. */
const world = async () => {
  const readers = new Set<FlagReader>()
  let [value, asked] = [0, 0]
  let gate: Promise<void> | undefined
  const document = new FlagDocument({
    keys: () => ["a"],
    exported: () => JSON.stringify({ value, text: "é".repeat(value) }),
    slices: new Slices()
  })
  const newest: Effect.Effect<Written> = Effect.suspend(() => {
    asked++
    const held = gate
    return Effect.andThen(held === undefined ? Effect.void : Effect.promise(() => held), document.newest)
  })
  const layer = Layer.mergeAll(
    Layer.succeed(FlagView, { document: () => newest } as never),
    Layer.succeed(FlagStreams, {
      open: (_: string, reader: FlagReader) =>
        Effect.sync(() => {
          readers.add(reader)
          return () => void readers.delete(reader)
        })
    } as never),
    Layer.succeed(Usage, { follow: () => () => {}, noteAll: () => {} } as never),
    Layer.succeed(OpenFlags, {} as never),
    Layer.mock(Access, { atOnce: Effect.succeed({ counting: () => undefined } as never) })
  )
  const { handlers } = await Effect.runPromise(Effect.provide(sync.serve(), layer))
  const change = (to: number) => {
    value = to
    document.outdated(["a"])
    for (const { told } of readers) told(new Map([["a", "update"]]))
  }
  const hold = () => {
    let open = () => {}
    gate = new Promise((resolve) => {
      open = resolve
    })
    return () => {
      gate = undefined
      open()
    }
  }
  const opened = () => {
    const fake = calling()
    handlers.syncFlags(fake.call, system)
    fake.ask()
    return fake
  }
  return { handlers, change, hold, opened, asked: () => asked }
}
const valuesOf = ({ messages }: Pick<ReturnType<typeof calling>, "messages">) =>
  messages.map((bytes) => JSON.parse(SyncFlagsResponse.decode(bytes).flagConfiguration).flags.a.value)

describe("flagd.sync.v1", () => {
  it("FP6 messages are what generated code reads, of any length, and the document's own bytes for all", async () => {
    const { handlers, change, opened } = await world()
    const [one, other] = [opened(), opened()]
    await waitUntil("both to have the first", () => one.sent.length + other.sent.length === 2)
    for (const [n, length] of [50, 70, 8_000, 9_000, 1_100_000].entries()) {
      change(length)
      await waitUntil("both to have it", () => one.sent.length + other.sent.length === 4 + 2 * n)
      assert.strictEqual(one.messages.at(-1), other.messages.at(-1))
      const { flagConfiguration, syncContext } = SyncFlagsResponse.decode(one.messages.at(-1)!)
      assert.strictEqual(JSON.parse(flagConfiguration).flags.a.text.length, length)
      assert.deepStrictEqual(syncContext, {})
    }
    const fake = calling()
    handlers.fetchAllFlags(fake.call, system)
    fake.ask()
    await waitUntil("all flags", () => fake.messages.length === 1)
    const all = FetchAllFlagsResponse.decode(fake.messages[0]!)
    assert.strictEqual(all.flagConfiguration, SyncFlagsResponse.decode(one.messages.at(-1)!).flagConfiguration)
    assert.strictEqual(fake.messages[0]!.buffer, one.messages.at(-1)!.buffer)
  })

  it("FP9 all that are told of a burst of changes are sent one document, which has the last of them", async () => {
    const { change, opened, asked } = await world()
    const streams = Array.from({ length: 50 }, opened)
    await waitUntil("all to have the first", () => streams.every(({ sent }) => sent.length === 1))
    const before = asked()
    for (let value = 1; value <= 100; value++) change(value)
    await waitUntil("all to have the last", () => streams.every((one) => valuesOf(one).at(-1) === 100))
    assert.isAtMost(asked() - before, 2)
    assert.isTrue(streams.every(({ sent }) => sent.length <= 3))
  })

  it("FP9 a stream that is told while a document is written is sent the next one, too", async () => {
    const { change, hold, opened, asked } = await world()
    const [one, late] = [opened(), opened()]
    await waitUntil("both to have the first", () => one.sent.length + late.sent.length === 2)
    const release = hold()
    const before = asked()
    change(1)
    await waitUntil("it to be asked for", () => asked() === before + 1)
    change(2)
    release()
    await waitUntil("both to have the last", () => [one, late].every((stream) => valuesOf(stream).at(-1) === 2))
  })

  it("FP5 FP9 a stream that takes no more is sent the newest alone, and keeps nobody else waiting", async () => {
    const { change, opened } = await world()
    const [stuck, other] = [opened(), opened()]
    await waitUntil("both to have the first", () => stuck.sent.length + other.sent.length === 2)
    stuck.only(1)
    for (let value = 1; value <= 5; value++) {
      change(value)
      await waitUntil("the other one to have it", () => valuesOf(other).at(-1) === value)
    }
    assert.strictEqual(stuck.sent.length, 2)
    stuck.clear()
    await waitUntil("it to have the newest", () => valuesOf(stuck).at(-1) === 5)
    assert.strictEqual(stuck.sent.length, 3)
  })
})
