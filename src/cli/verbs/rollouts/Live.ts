/**
 * Follows a rollout to its end.
 *
 *   RV1  On a terminal it is redrawn in its place, each second, however narrow that is; elsewhere a line, or an object, is printed for each change.
 *   RV2  It ends as the rollout does: exit code 0 when it was completed, 10 when it was taken back, 11 when somebody aborted it, 9 when the time of
 *        --timeout is over.
 *   RV3  Whoever leaves is told that it goes on; that the server is away meanwhile ends nothing.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { Look } from "../../../edge/http/rollouts/Wire.ts"
import { printable } from "../../../text/Printable.ts"
import { showsBlocks } from "../../Bar.ts"
import { CliFailure, render } from "../../CliFailure.ts"
import type { Invocation } from "../../Globals.ts"
import { segment } from "../../Http.ts"
import { Shell } from "../../Shell.ts"
import { rowsOf } from "../../Table.ts"
import { gist, isOver, nextOf, oneLine, stageOf, whole, wordOf } from "./Told.ts"

export const pathOf = (id: string, rest = ""): string => `/v1/rollouts/${segment(id)}${rest}`

/** Seconds that the server waits for something new: what a bar that is redrawn leaves. */
const WAIT = 1
const LONGER = 15

const ends = { rolled_back: 10, aborted: 11 } as const

const failed = (title: string, what: string, why: string, fix: string, exit: number) =>
  new CliFailure({ code: "", title, what, why, fix, exit, trace: "", retryable: false, retryAfter: 0 })

/** RV2 */
const endOf = (found: Look): CliFailure | undefined => {
  const { state, id, environment, reason, examples } = found
  if (state !== "rolled_back" && state !== "aborted") return undefined
  const who = examples.map(
    ({ service, instance, is, reason: why }) => `${service}/${instance} ${is}${why === "" ? "" : `: ${why}`}`
  )
  return failed(
    `The rollout ${id} was ${wordOf(found)}`,
    [
      `${gist(found)}, ${stageOf(found)}${found.stage === 0 ? "" : ": who had it has the old version again"}`,
      ...who
    ].join("\n"),
    reason,
    `see how it went: herald rollout history ${id} --env ${environment}`,
    ends[state]
  )
}

/** Moves the cursor back to the first of so many lines, and clears what is below. */
const back = (lines: number): string => (lines === 0 ? "" : `\u001b[${lines}A\r\u001b[J`)

/** `timeout`: milliseconds; undefined: until it is over. */
export const follow = Effect.fn("Live.follow")(function* (
  here: Invocation,
  environment: string,
  id: string,
  timeout: number | undefined
) {
  const shell = yield* Shell
  const screen = here.format === "table" && shell.terminal
  const blocks = showsBlocks(shell.env)
  const start = yield* Clock.currentTimeMillis
  let seen: string | undefined
  let before = ""
  /** What stands on the screen. */
  let drawn: ReadonlyArray<string> = []
  let down = false
  let last: Look | undefined
  /** The server's clock, less this one's. */
  let ahead = 0

  const draw = Effect.fnUntraced(function* (found: Look) {
    const now = (yield* shell.now) + ahead
    const room = screen ? Math.max(40, (shell.columns() || 80) - 1) : Number.POSITIVE_INFINITY
    const most = isOver(found) ? Number.POSITIVE_INFINITY : Math.max(5, (shell.rows() || 1_000) - 2)
    const view = { now, room, blocks, next: found.state === "paused" }
    const high = whole(found, view, here.paint).split("\n")
    const all = high.length > most ? whole(found, { ...view, low: true }, here.paint).split("\n") : high
    const shown = all.length > most ? all.slice(0, most) : all
    yield* shell.steer(back(rowsOf(drawn, shell.columns())))
    yield* shell.out(shown.join("\n"))
    drawn = shown
  })

  const loop = Effect.gen(function* () {
    while (true) {
      const query = { environment, ...(seen === undefined ? {} : { seen, wait: screen ? WAIT : LONGER }) }
      const asked = yield* Effect.result(here.call({ method: "GET", path: pathOf(id), query, timeout: 40_000 }))
      if (asked._tag === "Success") {
        const found = asked.success.body as Look
        if (down) yield* shell.progress("connected again")
        down = false
        seen = found.seen
        last = found
        if (found.now !== null) ahead = found.now - (yield* shell.now)
        if (screen) yield* draw(found)
        else {
          const now = here.format === "table" ? oneLine(found) : JSON.stringify({ ...found, now: 0 })
          if (now !== before) yield* here.emitNext(found, () => oneLine(found))
          before = now
        }
        if (isOver(found)) {
          const end = endOf(found)
          if (end !== undefined) return yield* end
          if (here.format === "table") yield* shell.progress(here.errorPaint.dim(printable(nextOf(found))))
          return
        }
      } else {
        const { failure } = asked
        if (!failure.retryable || last === undefined) return yield* failure
        drawn = [] // what stands there stays
        if (!down) yield* shell.progress(`${render(failure, here.errorPaint)}\nwaiting for it …`) // RV3
        down = true
        yield* Effect.sleep("1 second")
      }
      if (timeout !== undefined && (yield* Clock.currentTimeMillis) - start >= timeout)
        return yield* failed(
          "The time of --timeout is over",
          `after ${timeout / 1_000} s the rollout ${id} is ${last === undefined ? "not known" : wordOf(last)}`,
          "It goes on without you.",
          `follow it with: herald rollout watch ${id} --env ${environment}`,
          9
        )
    }
  })
  yield* loop.pipe(
    Effect.onInterrupt(() =>
      shell.progress(`it goes on without you; follow it with: herald rollout watch ${id} --env ${environment}`)
    )
  )
})
