/** Evaluates flags for whoever asks, and counts that; a part of Flags. */
import { Clock, Effect } from "effect"
import { requirePermission } from "../access/Access.ts"
import { decide } from "../access/Decision.ts"
import type { Identity } from "../access/Identity.ts"
import { scopeOf, scopeText } from "../access/KeyScope.ts"
import { type Allowance, STEPS } from "../evaluation/Engine.ts"
import { notFound } from "../evaluation/Evaluator.ts"
import type { Json } from "../evaluation/Json.ts"
import type { Context, Resolution } from "../evaluation/Resolution.ts"
import { tell } from "../evaluation/Steps.ts"
import { environmentProblem } from "../keys/Target.ts"
import { happened } from "../telemetry/Traces.ts"
import type { Caller } from "../usage/Caller.ts"
import { Usage } from "../usage/Usage.ts"
import { Digest } from "../values/Digest.ts"
import { Slices } from "../work/Slices.ts"
import { evaluationEvent } from "./EvaluationEvent.ts"
import { digestOfDocument } from "./FlagDocument.ts"
import { FlagView } from "./FlagView.ts"
import { permit } from "./Reading.ts"

const PAGE = 1_000
/** Steps of all flags of a request: some 200 ms. FE12 */
const TOGETHER = 10 * STEPS

const anything = () => true

/** Evaluations, and the document of those who evaluate by themselves. */
export const makeResolving = Effect.gen(function* () {
  const view = yield* FlagView
  const usage = yield* Usage
  const digestOf = yield* Digest
  usage.onlyWhere((environment) => view.all(environment).byKey.size > 0)
  const slices = new Slices()
  const clock = yield* Clock.Clock

  const resolved = (
    environment: string,
    key: string,
    context: Context,
    caller: Caller,
    allowance?: Allowance,
    fits: (value: Json) => boolean = anything
  ): Resolution => {
    const resolution = view.flag(environment, key)?.evaluate(context, allowance)
    if (resolution === undefined) {
      usage.noteMiss("FLAG_NOT_FOUND", caller)
      return notFound(key)
    }
    const { variant = "", reason, errorCode = reason, value } = resolution
    const outcome = value === undefined || fits(value) ? errorCode : "TYPE_MISMATCH"
    usage.note(environment, key, view.find(environment, key)?.version ?? 0, variant, outcome, caller)
    return resolution
  }

  return {
    document: (environment: string, caller: Caller) =>
      Effect.gen(function* () {
        const scope = scopeOf(yield* requirePermission("config.read", environment, { kind: "flag" }), "flag")
        usage.noteAll(environment, caller)
        const document = yield* view.document(environment, scope)
        const digest = yield* digestOfDocument(document, digestOf, slices)
        return {
          json: document.json,
          digest: scope === undefined ? digest : digestOf(`${scopeText(scope)} ${digest}`) // FY5
        }
      }),

    resolve: (environment: string, key: string, context: Context, caller: Caller, fits?: (value: Json) => boolean) =>
      Effect.flatMap(requirePermission("config.read", environment, { kind: "flag", key }), () => {
        const resolution = resolved(environment, key, context, caller, undefined, fits)
        const version = view.find(environment, key)?.version
        return Effect.as(
          happened("feature_flag.evaluation", () => evaluationEvent(environment, key, version, resolution)),
          resolution
        )
      }),

    resolveNow: (
      identity: Identity,
      environment: string,
      key: string,
      context: Context,
      caller: Caller,
      fits?: (value: Json) => boolean
    ) =>
      decide(
        identity,
        { permission: "config.read", environment, on: { kind: "flag", key } },
        clock.currentTimeMillisUnsafe()
      ).may && environmentProblem(environment) === undefined
        ? resolved(environment, key, context, caller, undefined, fits)
        : undefined,

    count: (environment: string, identity: Identity) => view.all(environment).count(scopeOf(identity, "flag")),

    resolveAll: Effect.fnUntraced(function* (environment: string, context: Context, caller: Caller) {
      const scope = scopeOf(yield* requirePermission("config.read", environment, { kind: "flag" }), "flag")
      usage.noteAll(environment, caller)
      const found: Array<readonly [string, Resolution]> = []
      const allowance = { left: TOGETHER } // FE12
      for (let after = ""; ; ) {
        const page = view.page(environment, { prefix: "", after, limit: PAGE, scope })
        for (const { key } of page) {
          if (slices.over()) yield* slices.turn // FU4
          found.push([key, resolved(environment, key, context, caller, allowance)])
        }
        if (page.length < PAGE) return found
        after = page.at(-1)!.key
      }
    }),

    // FU3
    evaluate: Effect.fnUntraced(function* (environment: string, key: string, context: Context) {
      yield* permit("config.read", "flag", environment, key)
      const [flag, how] = [view.flag(environment, key), view.how(environment)]
      return flag === undefined || how === undefined
        ? { resolution: notFound(key), steps: [] }
        : tell(flag, context, how)
    })
  }
})
