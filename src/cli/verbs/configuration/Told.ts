/** What became of a change: the answer, what it changed, whom it reached. */
import * as Effect from "effect/Effect"
import type { Released } from "../../../edge/http/configuration/ReleaseWire.ts"
import type { Published } from "../../../edge/http/configuration/Wire.ts"
import { VARIABLES_KEY } from "../../../keys/Key.ts"
import { printable } from "../../../text/Printable.ts"
import { SOME, shortened, showDifference } from "../../DiffView.ts"
import { formerOf } from "../../Former.ts"
import type { Invocation } from "../../Globals.ts"
import { nearKeys, offer } from "../../Near.ts"
import { type Committed, type Reached, reachedOf, templatesOf, waitFor } from "../fleet/Wait.ts"
import { changeOf, versionOf } from "./Before.ts"
import { committed, released } from "./Outcome.ts"

/** The data of an answer is printed once: where one waits, with what was reached. */
const telling = Effect.fnUntraced(function* (
  here: Invocation,
  answer: Published | Released,
  changes: ReadonlyArray<Committed>,
  waiting: number | undefined
) {
  const emit = (reached: Reached | undefined) =>
    here.format === "table" ? Effect.void : here.emit(reached === undefined ? answer : { ...answer, reached }, () => "")
  if (waiting === undefined || changes.length === 0) return yield* emit(undefined)
  yield* waitFor(here, changes, waiting, emit)
})

/** Lines below the headline: old and new; of a new key, whom it reaches and what may have been meant. */
const changed = Effect.fnUntraced(function* (here: Invocation, answer: Published) {
  const { environment, key, version, replayed } = answer
  if (here.format !== "table" || replayed) return (): string => ""
  if (version === 1 && key === VARIABLES_KEY) {
    const made = yield* Effect.result(templatesOf(here, answer))
    const templates = made._tag === "Success" ? made.success.length : undefined
    return (paint: Invocation["paint"]) =>
      templates === undefined
        ? ""
        : `\n${paint.dim(`new key, ${templates === 1 ? "1 template is" : `${templates} templates are`} made with it`)}`
  }
  const former = version === 1 ? 0 : yield* formerOf(here, environment, key, version)
  if (former === 0) {
    const reached = yield* Effect.result(reachedOf(here, answer))
    const clients = reached._tag === "Success" ? reached.success.clients : undefined
    const meant = clients === 0 ? yield* nearKeys(here, environment, key) : []
    return (paint: Invocation["paint"]) => {
      const who = clients === undefined ? "" : `, ${clients} ${clients === 1 ? "client gets" : "clients get"} it`
      const near = meant.length === 0 ? "" : ` ${printable(offer(meant))}`
      return clients === undefined
        ? ""
        : `\n${paint.dim("new key")}${paint.yellow(`${who}${near === "" ? "" : `.${near}`}`)}`
    }
  }
  const difference = yield* changeOf(here, environment, key, former, version)
  if (difference === undefined || answer.deleted) return (): string => ""
  const before = difference.kind === "json" ? yield* versionOf(here, environment, key, former) : undefined
  return (paint: Invocation["paint"]) => `\n${shortened(showDifference(difference, paint, before?.value), SOME, paint)}`
})

/** One key: published, rolled back or deleted. `verb`: what was done, in the past. */
export const toldOne = Effect.fn("Told.one")(function* (
  here: Invocation,
  verb: string,
  answer: Published,
  waiting: number | undefined
) {
  const more = yield* changed(here, answer)
  if (here.format === "table") yield* here.emit(answer, (paint) => `${committed(verb, answer, paint)}${more(paint)}`)
  yield* telling(here, answer, [answer], waiting)
})

export const toldRelease = Effect.fn("Told.release")(function* (
  here: Invocation,
  answer: Released,
  waiting: number | undefined
) {
  if (here.format === "table") yield* here.emit(answer, (paint) => released(answer, paint))
  const { revision, epoch } = answer
  yield* telling(
    here,
    answer,
    answer.changes.map((change) => ({ ...change, revision, epoch })),
    waiting
  )
})
