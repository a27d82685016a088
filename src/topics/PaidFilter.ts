/**
 * The filter that somebody comes with, at whatever door.
 *
 *   FZ14 Who comes with a filter that is not remembered pays for its text before it is read, and for what the repetitions of its patterns come to before they
 *        are compiled. It is compiled in its turn: principals take turns, and other work of the node has its own in between.
 */
import { Effect } from "effect"
import { Access } from "../access/Access.ts"
import { CurrentIdentity } from "../access/Identity.ts"
import type { HeraldError } from "../errors/HeraldError.ts"
import { costOfPatterns, costOfText, isRemembered, rememberedFilter } from "../filters/Remembered.ts"
import { variablesIn } from "../filters/Variables.ts"
import { lookingSlices } from "../work/Slices.ts"
import { makeTurns } from "../work/Turns.ts"

/** Filters that wait for their turn to be compiled at the same time, of all and of one principal. FZ14 */
export const COMPILING = [4, 2] as const

const turns = makeTurns(...COMPILING)

/**
 * `schema`: of the topic; null: it has none. Whoever asks for the filter then finds it compiled, or what is wrong with it. "" costs nothing. `CurrentIdentity`
 * pays. Fails `RateLimited`.
 */
export type Paying = (filter: string, schema: string | null) => Effect.Effect<void, HeraldError>

export const makePaying = Effect.map(
  Access,
  ({ spend }): Paying =>
    (filter, schema) =>
      Effect.withFiber((fiber) => {
        const identity = fiber.getRef(CurrentIdentity)
        if (filter === "" || identity === undefined) return Effect.void
        const variables = variablesIn(schema)
        if (isRemembered(filter, variables)) return Effect.void
        const paid = (cost: number) => (cost === 0 ? Effect.void : spend(identity, cost))
        const compiling = lookingSlices.through(function* () {
          yield
          rememberedFilter(filter, variables, identity.name)
        })
        return paid(costOfText(filter)).pipe(
          Effect.andThen(Effect.suspend(() => paid(costOfPatterns(filter, variables)))),
          Effect.andThen(turns.of(identity.name)(compiling))
        )
      })
)
