/** Says which review a broken glass left, and what closes it: who broke it has other things in mind, and somebody else is to find it. AQ8 */
import * as Effect from "effect/Effect"
import type { Change } from "../edge/http/approvals/Wire.ts"
import { printable } from "../text/Printable.ts"
import type { CliFailure } from "./CliFailure.ts"
import { quoted } from "./Hints.ts"
import type { Answer, Call } from "./Http.ts"
import { Shell } from "./Shell.ts"

/** Environments of one release whose reviews are looked for. */
const MOST = 5

const environmentsIn = ({ query }: Call, body: unknown): ReadonlyArray<string> => {
  const named = query?.["environment"]
  if (typeof named === "string") return [named]
  const { changes, flags, segments } = Object(body) as Readonly<Record<string, unknown>>
  const all = [changes, flags, segments].flatMap((list) => (Array.isArray(list) ? list : []))
  return [...new Set(all.map((one) => String(Object(one).environment)))].slice(0, MOST)
}

/** Of a write that broke the glass and was answered. Where nothing was protected there is no review. Never fails. */
export const toldReviews = Effect.fnUntraced(function* (
  ask: (call: Call) => Effect.Effect<Answer, CliFailure, Shell>,
  call: Call,
  body: unknown
) {
  const shell = yield* Shell
  const { revision } = Object(body) as { readonly revision?: unknown }
  if (!Number.isSafeInteger(revision)) return
  for (const environment of environmentsIn(call, body)) {
    const path = `/v1/changes/c${revision}`
    const found = yield* Effect.option(ask({ method: "GET", path, query: { environment }, patient: false }))
    if (found._tag === "None") continue
    const { id, state } = Object(found.value.body) as Partial<Change>
    if (state !== "review" || id === undefined) continue
    const named = `${quoted(id)} --env ${quoted(environment)}`
    yield* shell.progress(
      printable(
        `the glass was broken: the review ${id} is open. Somebody else looks at it (herald change show ${named}), then: herald change review ${named} --note "what came of it"`
      )
    )
  }
})
