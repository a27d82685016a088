/** What every board does. NJ1 */
import { assert } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { Noticeboard } from "../../src/noticeboard/Noticeboard.ts"
import { waitUntil } from "../support/waitUntil.ts"
import { fresh } from "./SharedCache.ts"

export interface Standing {
  /** Null: nothing stands there. */
  readonly text: string | null
  /** Milliseconds until it ends. */
  readonly left: number
}

export const noticeboardContract = (
  test: (name: string, body: () => Effect.Effect<void>) => void,
  node: () => Layer.Layer<never>,
  standing: (name: string) => Promise<Standing>
) => {
  const put = Effect.fnUntraced(function* (notices: ReadonlyArray<readonly [string, string, number]>) {
    const board = Context.get(yield* Layer.build(Layer.fresh(node())), Noticeboard)!
    assert.isFalse(board.away())
    yield* board.put(notices.map(([name, text, millis]) => ({ name, text, millis })))
  }, Effect.scoped)

  test("NJ1 what is put up stands under its name, takes the place of what was there, and ends", () =>
    Effect.gen(function* () {
      const name = `topic_stats:${fresh("board")}`
      yield* put([[name, '{"a":1}', 60_000]])
      yield* put([[name, '{"a":2}', 30_000]])
      const { text, left } = yield* Effect.promise(() => standing(name))
      assert.strictEqual(text, '{"a":2}')
      assert.isAtMost(left, 30_000)
      assert.isAbove(left, 1_000)
      yield* put([[name, "{}", 50]])
      yield* Effect.promise(() => waitUntil("it ended", async () => (await standing(name)).text === null))
    }))

  test("NJ1 many, and those of names that look like others, stand each by itself", () =>
    Effect.gen(function* () {
      const own = fresh("many")
      const names = [
        `subscription:${own}`,
        `routing:{a}${own}/*`,
        `routing:{b}${own}/*`,
        `latest:\r\n${own}:x`,
        `latest:${own}`
      ]
      const many = Array.from({ length: 250 }, (_, n) => `backpressure:${own}:${n}`)
      const large = JSON.stringify("x".repeat(60_000))
      const all = [...names, ...many].map((name, n) => [name, n < 5 ? large : String(n), 60_000] as const)
      yield* put(all)
      for (const [name, text] of all.slice(0, 20).concat(all.slice(-3)))
        assert.strictEqual((yield* Effect.promise(() => standing(name))).text, text)
    }))
}
