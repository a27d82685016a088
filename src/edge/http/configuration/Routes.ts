/** Answers the routes of configurations and releases. */
import { Effect, Layer } from "effect"
import { HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { Configurations } from "../../../configuration/Configurations.ts"
import type { Trait } from "../../../configuration/Heads.ts"
import { failure } from "../../../errors/HeraldError.ts"
import type { Target } from "../../../keys/Target.ts"
import { json, jsonText } from "../Answer.ts"
import { contract, type Part } from "../Contract.ts"
import { answer } from "../Problem.ts"
import { ConfigGroup, ReleasesGroup } from "./Api.ts"
import { etagOf, heldTag } from "./Preconditions.ts"
import { shown } from "./Shown.ts"
import { makeValuePages } from "./ValuePages.ts"
import * as Wire from "./Wire.ts"
import { makeWrites } from "./Writes.ts"

const PAGE = 100

const targetIn = ({ key }: Pick<Target, "key">, { environment }: Pick<Target, "environment">): Target => ({
  key,
  environment
})

const only = <A>([one]: ReadonlyArray<A>) => one

const configRoutes = HttpApiBuilder.group(
  contract.add(ConfigGroup),
  "config",
  Effect.fnUntraced(function* (handlers) {
    const configurations = yield* Configurations
    const writes = yield* makeWrites
    const valuePage = yield* makeValuePages

    const get = Effect.fnUntraced(function* (
      { key, environment }: Target,
      consistency: "strong" | "cached",
      as: Wire.As,
      ifNoneMatch: string | undefined
    ) {
      const { configuration, stale } = yield* configurations.get(environment, key, consistency)
      const etag = etagOf(configuration)
      const headers = {
        "cache-control": "private, no-cache",
        etag,
        "herald-version": String(configuration.version),
        "herald-revision": String(configuration.revision),
        "herald-stale": String(stale)
      }
      const held = heldTag(ifNoneMatch, etag)
      return held === undefined
        ? jsonText(shown(as, [{ ...Wire.configuration(configuration), stale }], only), { headers })
        : HttpServerResponse.empty({ status: 304, headers: { ...headers, etag: held } })
    })

    const list = Effect.fnUntraced(function* (query: {
      readonly environment: string
      readonly prefix?: string
      readonly limit?: number
      readonly after?: string
      readonly only?: Trait
    }) {
      const { environment, prefix = "", after = "", limit = PAGE, only } = query
      const heads = yield* configurations.list({ environment, prefix, limit, after, only })
      const next = heads.length < limit ? null : (heads.at(-1)?.key ?? null)
      return json({ keys: heads.map(Wire.head), next } satisfies Wire.Heads)
    })

    const values = Effect.fnUntraced(function* (query: {
      readonly environment: string
      readonly prefix?: string
      readonly limit?: number
      readonly after?: string
      readonly shape?: boolean
    }) {
      const { environment, prefix = "", after = "", limit = PAGE, shape = false } = query
      return jsonText(yield* valuePage({ environment, prefix, limit, after }, shape))
    })

    const history = Effect.fnUntraced(function* (
      { key, environment }: Target,
      query: { readonly limit?: number; readonly before?: number; readonly as?: Wire.As }
    ) {
      const limit = query.limit ?? PAGE
      const versions = yield* configurations.history(environment, key, { limit, before: query.before })
      const oldest = versions.at(-1)?.version ?? 1
      const next = versions.length === 0 || oldest <= 1 ? null : oldest // C1; a page may be shorter than its limit (PB1)
      return jsonText(shown(query.as, versions.map(Wire.configuration), (all) => ({ versions: all, next })))
    })

    const explain = Effect.fnUntraced(function* (
      { key, environment }: Target,
      as: Wire.As,
      query: Readonly<Record<string, unknown>>
    ) {
      const labels: Record<string, string> = {}
      for (const [name, value] of Object.entries(query)) {
        if (name.startsWith("label.") && typeof value === "string") labels[name.slice("label.".length)] = value
      }
      for (const pair of (query["label"] as ReadonlyArray<string> | undefined) ?? []) {
        const at = pair.indexOf("=")
        if (at < 1) {
          return yield* Effect.fail(failure("InvalidInput", `query label: ${JSON.stringify(pair)} is not name=value`))
        }
        labels[pair.slice(0, at)] = pair.slice(at + 1)
      }
      const found = yield* configurations.explain(environment, key, labels)
      const { candidate, ...rest } = found
      const from =
        candidate === undefined ? {} : { candidate: { rollout: candidate.rollout, stage: candidate.stage + 1 } }
      return jsonText(
        shown(
          as,
          [Wire.configuration(found.stored)],
          ([stored]) =>
            ({ ...rest, ...from, stored: stored!, effective: found.effective ?? null }) satisfies Wire.Explanation
        )
      )
    })

    return handlers
      .handleRaw("publish", ({ request, params, query, headers }) =>
        answer(writes.publish(request, targetIn(params, query), headers, query))
      )
      .handle("get", ({ params, query, headers }) =>
        answer(get({ ...params, ...query }, query.consistency ?? "cached", query.as, headers["if-none-match"]))
      )
      .handle("delete", ({ params, query, headers }) =>
        answer(writes.delete(targetIn(params, query), query.message, headers, query))
      )
      .handle("list", ({ query }) => answer(list(query)))
      .handle("values", ({ query }) => answer(values(query)))
      .handle("environments", () =>
        answer(
          Effect.map(configurations.environments(), (environments) =>
            json({ environments } satisfies Wire.Environments)
          )
        )
      )
      .handle("history", ({ params, query }) => answer(history({ ...params, ...query }, query)))
      .handle("version", ({ params, query }) =>
        answer(
          Effect.map(configurations.version(query.environment, params.key, params.version), (found) =>
            jsonText(shown(query.as, [Wire.configuration(found)], only))
          )
        )
      )
      .handle("diff", ({ params, query: { environment, from, to } }) =>
        answer(
          Effect.map(configurations.diff(environment, params.key, from, to), (difference) =>
            json({ key: params.key, environment, from, to, difference } satisfies Wire.DiffResult)
          )
        )
      )
      .handleRaw("rollback", ({ request, params, query, headers }) =>
        answer(writes.rollback(request, targetIn(params, query), headers, query))
      )
      .handleRaw("validate", ({ request, params, query, headers }) =>
        answer(writes.validate(request, { ...params, ...query }, headers))
      )
      .handle("explain", ({ params, query }) =>
        answer(explain({ key: params.key, environment: query.environment }, query.as, query))
      )
  })
)

const releaseRoutes = HttpApiBuilder.group(
  contract.add(ReleasesGroup),
  "releases",
  Effect.fnUntraced(function* (handlers) {
    const writes = yield* makeWrites
    return handlers.handleRaw("release", ({ request, query, headers }) =>
      answer(writes.release(request, query.dryRun === true, headers, query))
    )
  })
)

export const configuration = {
  groups: [ConfigGroup, ReleasesGroup],
  routes: Layer.merge(configRoutes, releaseRoutes)
} as const satisfies Part
