/** Which version of a key a change took the place of: numbers between two may be candidates of rollouts, which were never current. */
import * as Effect from "effect/Effect"
import type { Configuration } from "../edge/http/configuration/Wire.ts"
import type { Invocation } from "./Globals.ts"
import { segment } from "./Http.ts"

/** Numbers that are looked at. */
const TRIES = 20

const nothing = Effect.succeed(undefined)

const candidacyOf = Effect.fnUntraced(
  function* (here: Invocation, environment: string, key: string, version: number) {
    const path = `/v1/config/${segment(key)}/versions/${version}`
    const { body } = yield* here.call({ method: "GET", path, query: { environment, as: "text" }, patient: false })
    return (body as Configuration).rollout?.state
  },
  Effect.catchTag("CliFailure", () => nothing)
)

/** 0: none. Where it can't be found out, the number below. */
export const formerOf = Effect.fnUntraced(function* (
  here: Invocation,
  environment: string,
  key: string,
  version: number
) {
  for (let former = version - 1; former > 0 && former > version - TRIES; former--) {
    const state = yield* candidacyOf(here, environment, key, former)
    if (state !== "candidate" && state !== "withdrawn") return former
  }
  return Math.max(0, version - TRIES)
})
