/**
 * What an environment says of its rollouts, as verbs read and change it: a configuration under a key of its own.
 *
 *   RV4  A part of it is changed at the version that was read: a change in between is read again, never overwritten.
 */
import * as Effect from "effect/Effect"
import { catalogue } from "../../../errors/Catalogue.ts"
import { POLICY_KEY } from "../../../plans/Policy.ts"
import type { CliFailure } from "../../CliFailure.ts"
import { env, type Invocation, idempotencyKey, message } from "../../Globals.ts"
import { segment } from "../../Http.ts"
import type { Shell } from "../../Shell.ts"

export interface FreezeText {
  readonly from: string
  readonly until: string
  readonly message?: string
}
export interface Document {
  readonly plans?: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  readonly required?: ReadonlyArray<{ readonly keys: string; readonly plan?: string }>
  readonly freezes?: ReadonlyArray<FreezeText>
}

const PATH = `/v1/config/${segment(POLICY_KEY)}`
const TRIES = 5

/** The document, and its version; 0: there is none. */
export const read = (here: Invocation, environment: string) =>
  here.call({ method: "GET", path: PATH, query: { environment, consistency: "strong", as: "text" } }).pipe(
    Effect.map(({ body }) => {
      const { value, version } = body as { readonly value: string; readonly version: number }
      return { document: JSON.parse(value) as Document, version }
    }),
    Effect.catchIf(
      ({ code }) => code === catalogue.NotFound.code,
      () => Effect.succeed({ document: {} as Document, version: 0 })
    )
  )

interface How {
  readonly message: string | undefined
  readonly idempotencyKey: string | undefined
}

/** RV4. What can't be done is a failure; undefined: nothing is to be changed. */
export const change = Effect.fnUntraced(function* (
  here: Invocation,
  environment: string,
  { message, idempotencyKey }: How,
  of: (document: Document) => Document | CliFailure | undefined
) {
  const attempt = (left: number): Effect.Effect<Document, CliFailure, Shell> =>
    Effect.gen(function* () {
      const { document, version } = yield* read(here, environment)
      const next = of(document)
      if (next instanceof Error) return yield* next
      if (next === undefined) return document
      const body = {
        value: next,
        type: "json",
        expectedVersion: version,
        ...(message === undefined ? {} : { message })
      }
      yield* here.call({ method: "PUT", path: PATH, query: { environment }, body, idempotencyKey }).pipe(
        Effect.catchIf(
          ({ code }) => code === catalogue.VersionConflict.code && left > 1,
          () => attempt(left - 1)
        )
      )
      return next
    })
  return yield* attempt(TRIES)
})

export const changing = { env, message, idempotencyKey }
