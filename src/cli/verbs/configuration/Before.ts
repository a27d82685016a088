/** What stood at a key: read beside a change, so that it is told with old and new. Nothing fails for want of it. */
import * as Effect from "effect/Effect"
import type { Configuration, DiffResult, InText } from "../../../edge/http/configuration/Wire.ts"
import type { Invocation } from "../../Globals.ts"
import { segment } from "../../Http.ts"

const nothing = Effect.succeed(undefined)

export const versionOf = Effect.fnUntraced(
  function* (here: Invocation, environment: string, key: string, version: number) {
    const { body } = yield* here.call({
      method: "GET",
      path: `/v1/config/${segment(key)}/versions/${version}`,
      query: { environment, as: "text" },
      patient: false
    })
    return body as Configuration & InText
  },
  Effect.catchTag("CliFailure", () => nothing)
)

/** "new" where the key isn't there; undefined where that can't be found out. */
export const currentOf = Effect.fnUntraced(function* (here: Invocation, environment: string, key: string) {
  const found = yield* Effect.result(
    here.call({
      method: "GET",
      path: `/v1/config/${segment(key)}`,
      query: { environment, as: "text" },
      patient: false
    })
  )
  if (found._tag === "Success") return found.success.body as Configuration & InText
  return found.failure.exit === 4 ? ("new" as const) : undefined
})

/** What a version changed of an earlier one. */
export const changeOf = Effect.fnUntraced(
  function* (here: Invocation, environment: string, key: string, from: number, to: number) {
    const { body } = yield* here.call({
      method: "GET",
      path: `/v1/config/${segment(key)}/diff`,
      query: { environment, from, to },
      patient: false
    })
    return (body as DiffResult).difference
  },
  Effect.catchTag("CliFailure", () => nothing)
)
