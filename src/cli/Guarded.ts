/**
 * What a dry run says of protections.
 *
 *   GU1  A dry run of what would be refused for a second person ends as that would, with the plan told before: a check that is green means a change that
 *        goes. With --request it would wait, and with --break-glass it would be done, so both end well.
 */
import * as Effect from "effect/Effect"
import type { Guard, Guards } from "../edge/http/approvals/Guards.ts"
import { printable } from "../text/Printable.ts"
import { known } from "./CliFailure.ts"
import type { Invocation } from "./Globals.ts"
import { Shell } from "./Shell.ts"

/** "payments: 1 of publisher, admin". */
export const guardText = ({ name, approvals, roles }: Guard): string =>
  printable(`${name}: ${approvals} of ${roles.join(", ")}`)

/** `hidden`: how many more there are at least, of which nothing may be seen. */
export interface Guarded {
  readonly protections: ReadonlyArray<Guard>
  readonly hidden: number
}

/** Of several answers each protection once. */
export const guardsOf = (answers: ReadonlyArray<Guards>): Guarded => {
  const found = new Map<string, Guard>()
  let most = 0
  for (const { protections = [], hidden = 0 } of answers) {
    for (const one of protections) found.set(`${one.environment}/${one.name}`, one)
    most = Math.max(most, hidden)
  }
  return { protections: [...found.values()], hidden: most }
}

/** "payments: 1 of publisher, admin; and 1 more that you may not see". */
export const guardsText = (said: ReadonlyArray<string>, hidden: number): string =>
  [...said, ...(hidden === 0 ? [] : [`${said.length === 0 ? "" : "and "}${hidden} more that you may not see`])].join(
    "; "
  )

/** Behind what a dry run found. GU1 */
export const orSecondPerson = Effect.fn("Guarded.orSecondPerson")(function* (
  here: Invocation,
  { protections: guards, hidden }: Guarded,
  breakGlass: string | undefined
) {
  if ((guards.length === 0 && hidden === 0) || breakGlass !== undefined) return
  const shell = yield* Shell
  const environments = new Set(guards.map(({ environment }) => environment))
  const all = guards.map((one) =>
    environments.size === 1 ? guardText(one) : `${guardText(one)} in ${printable(one.environment)}`
  )
  const what = `it needs a second person (${guardsText(all, hidden)})`
  if (here.asks) return yield* shell.progress(`${what}, and would wait for one`)
  return yield* known("ApprovalRequired", `it is valid, and ${what}`)
})
