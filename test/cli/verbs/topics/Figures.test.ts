import { assert, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { figuresText } from "../../../../src/cli/verbs/topics/Figures.ts"
import { OpenReader } from "../../../../src/cli/verbs/topics/Follow.ts"
import type { FilterFigures, ReadOptions, TopicBatch } from "../../../../src/client/topics/ReadOptions.ts"
import { terminal } from "../../../support/Terminal.ts"
import { until } from "../../../support/turn.ts"

const figures = (more: Partial<FilterFigures>): FilterFigures => ({
  ...{ looked: 0, matched: 0, missing: 0, failed: 0, costly: 0, missingField: "", ...more }
})
const lacking = (count: number) => figures({ looked: count, missing: count })

it("WR1 each sort of event that a filter could not be told of is named, and none that there was not", () => {
  assert.strictEqual(figuresText(figures({ looked: 9, matched: 3 })), "3 of 9 events taken")
  assert.strictEqual(
    figuresText(figures({ looked: 9, missing: 4, failed: 3, costly: 2 })),
    "0 of 9 events taken; 4 without a field that the filter needs, or with one of another type; 3 ended the filter with an error; 2 would have cost too much"
  )
  assert.strictEqual(
    figuresText(figures({ looked: 3, missing: 3, missingField: "totall" })),
    '0 of 3 events taken; 3 without the field "totall", or with one of another type'
  )
})

/** A reader that gives no events. */
const followed = async (...args: ReadonlyArray<string>) => {
  let options: ReadOptions | undefined
  const open = (_: unknown, __: string, given: ReadOptions) => {
    options = given
    const batches = { next: () => new Promise<IteratorResult<TopicBatch>>(() => {}) }
    return Promise.resolve({ [Symbol.asyncIterator]: () => batches, close: () => Promise.resolve() })
  }
  const cli = terminal()
  const where = ["--server", "http://127.0.0.1:1", "--grpc", "127.0.0.1:1", "--filter", "price > 1.0"]
  const fiber = Effect.runFork(
    cli.effect("topic", "tail", "ticks", ...where, ...args).pipe(Effect.provideService(OpenReader, open))
  )
  await until(() => options !== undefined)
  return { cli, fiber, options: options! }
}

it("WR1 while it goes on it is said as soon as there is one, then at twice as many, and at the end if there is more to say", async () => {
  const { cli, fiber, options } = await followed()
  for (const count of [1, 2, 3, 4, 5, 6, 7]) options.onFiltered!(lacking(count))
  await until(() => cli.err.length === 3)
  await Effect.runPromise(Fiber.interrupt(fiber))
  assert.deepStrictEqual(
    cli.err.map((line) => line.slice(0, 6)),
    ["0 of 1", "0 of 3", "0 of 7"]
  )
  const { cli: well, fiber: other, options: its } = await followed()
  its.onFiltered!(figures({ looked: 9, matched: 0 }))
  await Effect.runPromise(Fiber.interrupt(other))
  assert.deepStrictEqual(well.err, ["0 of 9 events taken"])
})

it("WR1 with --once it is said when everything was looked at", async () => {
  const { cli, fiber, options } = await followed("--once")
  options.onFiltered!(figures({ looked: 9, matched: 9 }))
  options.onLive!()
  assert.strictEqual(await Effect.runPromise(Fiber.join(fiber)), 0)
  assert.deepStrictEqual(cli.err, ["9 of 9 events taken"])
})

it("WZ2 a first stream that ends as at another port's door ends it; one that was there is waited for", async () => {
  const ended = {
    status: 14,
    message: "Protocol error",
    code: undefined,
    hopeless: false,
    reconnectAfterMillis: undefined
  }
  const wrong = await followed()
  wrong.options.onReconnect!(ended)
  assert.strictEqual(await Effect.runPromise(Fiber.join(wrong.fiber)), 7)
  assert.include(wrong.cli.said, "does not speak gRPC")
  const lost = await followed("--once")
  lost.options.onFiltered!(figures({ looked: 1 }))
  lost.options.onReconnect!({
    ...ended,
    message: "HRLD-5001 this server is leaving. Reconnect after the delay in the drain message.",
    code: "HRLD-5001"
  })
  lost.options.onLive!()
  assert.strictEqual(await Effect.runPromise(Fiber.join(lost.fiber)), 0)
  assert.include(lost.cli.said, "disconnected: the server is leaving\nwaiting for it …")
  assert.include(lost.cli.said, "connected again")
})
