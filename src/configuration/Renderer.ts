/**
 * Renders templates for those who get them.
 *
 *   RN1  Large renderings are made one or two at a time, and read as their type in a worker thread: others have their turn in between,
 *        and who waits holds no text.
 */
import { Effect, Result, Semaphore } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { ClientView } from "../updates/Client.ts"
import type { ValueType } from "../values/ValueType.ts"
import { reasonOf } from "../work/Mistake.ts"
import { Workers } from "../work/Workers.ts"
import { type Compiled, fill, lookup, notValid, reasonsOf, type Variables } from "./Template.ts"

const AT_ONCE = 2
/** Bytes. Renderings of larger templates take turns. RN1 */
const LARGE = 16_384

export const makeRenderer = Effect.gen(function* () {
  const workers = yield* Workers
  const turns = yield* Semaphore.make(AT_ONCE)

  /** `make` should look for a kept rendering itself: one may have been made by the time of its turn. RN1 */
  const inTurn = <A, E, R>(template: Compiled, make: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    template.bytes < LARGE ? make : turns.withPermits(1)(make)

  /** The rendered text, or why there is none: the missing names, or else one reason. Fails `Busy`, `Timeout`. */
  const render = Effect.fnUntraced(function* (
    template: Compiled,
    variables: Variables,
    client: ClientView,
    type: ValueType
  ): Effect.fn.Return<Result.Result<string, ReadonlyArray<string>>, HeraldError> {
    const filled = fill(template, type, (name) => lookup(name, variables, client))
    if (Result.isFailure(filled)) return Result.fail(reasonsOf(filled.failure))
    const found = yield* workers.examine(type, filled.success, { stored: true }) // T3
    return found._tag === "Read" ? Result.succeed(filled.success) : Result.fail([notValid(type, reasonOf(found))])
  })

  return { inTurn, render }
})
