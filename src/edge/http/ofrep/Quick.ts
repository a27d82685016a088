/** The short way for the evaluation of one flag. QK1 in ../Quick.ts; what it does is what `single` of Routes.ts does. */
import { Clock, Effect, Result } from "effect"
import { Access } from "../../../access/Access.ts"
import { Certificates } from "../../../access/Certificates.ts"
import { decide } from "../../../access/Decision.ts"
import { isMembers } from "../../../evaluation/Json.ts"
import { evaluation } from "../../../evaluation/Ofrep.ts"
import type { Context } from "../../../evaluation/Resolution.ts"
import { Flags } from "../../../flags/Flags.ts"
import { OpenFlags } from "../../../flags/OpenFlags.ts"
import { environmentOfFlags } from "../../../flags/Selector.ts"
import { callerOf } from "../../../usage/Caller.ts"
import { carriedNow } from "../../../work/Job.ts"
import { isOfPage } from "../../Page.ts"
import { headersOfJson } from "../Answer.ts"
import { addressOfSocket, REQUEST, tokenInHeaders } from "../Authentication.ts"
import { costOf, needOf } from "../Needs.ts"
import type { QuickRoute } from "../Quick.ts"
import { securing } from "../Securing.ts"
import { OfrepGroup } from "./Api.ts"
import * as Wire from "./Wire.ts"

/** Names that are written into a path as they are. */
const PLAIN = /^[\w.:-]{1,100}$/

/** Undefined: there is something to be said of it. */
const contextOf = (body: Uint8Array): Context | undefined => {
  const found = carriedNow(body)
  return isMembers(found) ? Wire.contextIn(found) : undefined
}

export const quick = Effect.gen(function* () {
  const { recognise, charge, told } = yield* (yield* Access).atOnce
  const { resolveNow } = yield* Flags
  const { origins } = yield* OpenFlags
  const clock = yield* Clock.Clock
  const endpoint = OfrepGroup.endpoints["single"]!
  const need = needOf(endpoint)!
  const headers = { ...headersOfJson, ...securing, ...origins.answering(undefined) }

  const certificates = yield* Certificates
  const route: QuickRoute = ({ method, url, headers: said, socket }) => {
    if (method !== "POST" || !url.startsWith(Wire.SINGLE)) return undefined
    const flag = url.slice(Wire.SINGLE.length)
    if (!PLAIN.test(flag) || said[REQUEST] !== undefined) return undefined
    const certificate = isOfPage(said) ? undefined : certificates.of(socket) // YX1
    const address = addressOfSocket(socket) // A10
    const identity = recognise({ token: tokenInHeaders(said), certificate, address, door: "http" })
    if (identity === undefined) return undefined
    const found = environmentOfFlags(said["flagd-selector"], identity.environments)
    if (Result.isFailure(found)) return undefined
    const environment = found.success
    const act = { permission: "config.read", environment, on: { kind: "flag", key: flag } } as const
    if (!decide(identity, act, clock.currentTimeMillisUnsafe()).may) return undefined
    if (!charge(identity, costOf(need, said), environment)) return undefined
    const caller = callerOf("ofrep", said["user-agent"])
    return {
      owner: identity.name,
      route: endpoint.path,
      answer: (body) => {
        const context = contextOf(body)
        const resolution = context && resolveNow(identity, environment, flag, context, caller)
        return (
          resolution && {
            status: Wire.statusOf(resolution),
            headers: { ...headers, ...told(identity, environment) },
            text: evaluation(flag, resolution)
          }
        )
      }
    }
  }
  return route
})
