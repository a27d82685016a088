/**
 * Answers what limits the caller.
 *
 *   LT1  What an environment holds, and how many streams it has, is told only to whoever may read all of it: to others, keys that they may not see are
 *        not there.
 */
import { Clock, Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Access, requireSignedIn } from "../../../access/Access.ts"
import { decide } from "../../../access/Decision.ts"
import { Quotas, quotaIn } from "../../../limits/Quotas.ts"
import { Totals } from "../../../limits/Totals.ts"
import { Sessions } from "../../../sessions/Sessions.ts"
import { json } from "../Answer.ts"
import { contract, type Part } from "../Contract.ts"
import { answer } from "../Problem.ts"
import { LimitsGroup } from "./Api.ts"
import * as Wire from "./Wire.ts"

const NOTHING = { keys: 0, bytes: 0 }

const routes = HttpApiBuilder.group(
  contract.add(LimitsGroup),
  "limits",
  Effect.fnUntraced(function* (handlers) {
    const access = yield* Access
    const sessions = yield* Sessions
    const totals = yield* Totals
    const quotas = yield* Quotas

    const show = Effect.fnUntraced(function* (environment: string) {
      const identity = yield* requireSignedIn
      const { may } = decide(identity, { permission: "config.read", environment }, yield* Clock.currentTimeMillis)
      const used = may ? ((yield* totals.read(environment))[0] ?? NOTHING) : undefined // LT1
      return Wire.limits({
        principal: identity.name,
        environment,
        rates: yield* access.limits(identity, environment),
        streams: sessions.streams(identity.name, environment),
        quota: quotaIn(quotas, environment),
        used
      })
    })
    return handlers.handle("show", ({ query: { environment } }) => answer(Effect.map(show(environment), json)))
  })
)

export const limits = { groups: [LimitsGroup], routes } as const satisfies Part
