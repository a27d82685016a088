/** The reading half of Configurations. */

import { Effect, Result } from "effect"
import { requireAnywhere, requirePermission } from "../access/Access.ts"
import { maySome, type Permission } from "../access/Identity.ts"
import { inKeyScope, scopeOf } from "../access/KeyScope.ts"
import { failure } from "../errors/HeraldError.ts"
import { VARIABLES_KEY } from "../keys/Key.ts"
import { targetProblem } from "../keys/Target.ts"
import { Propagation } from "../propagation/Propagation.ts"
import { Candidates, isCandidate } from "../updates/Candidates.ts"
import type { ClientView } from "../updates/Client.ts"
import { reasonOf } from "../work/Mistake.ts"
import { Workers } from "../work/Workers.ts"
import type { Configuration } from "./Configuration.ts"
import { ConfigurationStore } from "./ConfigurationStore.ts"
import { ConfigurationView } from "./ConfigurationView.ts"
import type { Trait } from "./Heads.ts"
import { unknownKey } from "./Near.ts"
import { fill, isClientName, lookup, notValid, reasonsOf } from "./Template.ts"
import { Templates } from "./Templates.ts"
import { countVisible, visible } from "./Visible.ts"

/** A configuration, and whether it is known to be the newest. */
export interface Read {
  readonly configuration: Configuration
  /** The database did not confirm that this is the newest. */
  readonly stale: boolean
}

/** How a client comes to its value. */
export interface Explanation {
  /** What is current, or what a rollout gives this client. */
  readonly stored: Configuration
  /** It is a rollout's. Undefined: it is current. */
  readonly candidate: { readonly rollout: string; readonly stage: number } | undefined
  /** All of the environment's; of who may not read these, those that the template names. AO2 */
  readonly variables: Readonly<Record<string, string>>
  /** Names that the template uses, with their values and where those came from. */
  readonly used: ReadonlyArray<{
    readonly name: string
    readonly value: string
    readonly source: "environment" | "client"
  }>
  /** Names without a value, or else the one reason why there is no rendering. */
  readonly missing: ReadonlyArray<string>
  /** Names of secrets that the value refers to. */
  readonly secrets: ReadonlyArray<string>
  /** The rendered text; undefined when something is missing. */
  readonly effective: string | undefined
  readonly stale: boolean
}

const PAGE = 1_000

export const makeReading = Effect.gen(function* () {
  const store = yield* ConfigurationStore
  const propagation = yield* Propagation
  const view = yield* ConfigurationView
  const workers = yield* Workers
  const readTemplate = yield* Templates
  const candidates = yield* Candidates

  const permit = Effect.fnUntraced(function* (
    environment: string,
    key: string,
    permission: Permission = "config.read"
  ) {
    const identity = yield* requirePermission(permission, environment, { kind: "config", key })
    const problem = targetProblem(environment, key)
    if (problem !== undefined) return yield* problem
    return identity
  })

  const absent = (environment: string, key: string, tombstone: Configuration | undefined) =>
    tombstone === undefined ? unknownKey(view, environment, key) : Effect.fail(buried(tombstone))

  const get = Effect.fn("Configurations.get")(function* (
    environment: string,
    key: string,
    consistency: "strong" | "cached"
  ) {
    yield* permit(environment, key)
    const strong = consistency === "strong"
    const configuration = yield* strong ? store.current(environment, key) : view.value(environment, key)
    const stale = !strong && propagation.stale()
    if (stale && (configuration?.strict ?? false)) return yield* unconfirmed(environment, key)
    if (configuration === undefined || configuration.deleted) return yield* absent(environment, key, configuration)
    return { configuration, stale } satisfies Read
  })

  const version = Effect.fn("Configurations.version")(function* (environment: string, key: string, number: number) {
    yield* permit(environment, key)
    const found = yield* store.version(environment, key, number)
    if (found !== undefined) return found
    if ((yield* store.current(environment, key)) === undefined) return yield* unknownKey(view, environment, key)
    return yield* failure("NotFound", `${key} in ${environment} has no version ${number}; see its history`)
  })

  const history = Effect.fn("Configurations.history")(function* (
    environment: string,
    key: string,
    options: { readonly limit: number; readonly before: number | undefined }
  ) {
    yield* permit(environment, key)
    const limit = Math.max(1, Math.min(PAGE, Math.trunc(options.limit)))
    const found = yield* store.history(environment, key, { limit, before: options.before })
    if (found.length > 0 || options.before !== undefined) return found
    return yield* absent(environment, key, undefined)
  })

  const list = Effect.fn("Configurations.list")(function* (options: {
    readonly environment: string
    readonly prefix: string
    readonly limit: number
    readonly after: string
    readonly only?: Trait | undefined
  }) {
    const { environment, prefix, limit, after, only } = options
    const scope = scopeOf(yield* requirePermission("config.read", environment, { kind: "config" }), "config")
    const wanted = Math.max(1, Math.min(PAGE, Math.trunc(limit)))
    return yield* visible(view, { environment, scope, prefix, after, limit: wanted, only })
  })

  const values = Effect.fn("Configurations.values")(function* (options: {
    readonly environment: string
    readonly prefix: string
    readonly limit: number
    readonly after: string
  }) {
    const atLeast = propagation.position() // before the heads: they may only be newer
    const heads = yield* list(options)
    if (heads.length === 0) return { found: [], next: undefined }
    const currents = yield* store.currents(heads, atLeast)
    const strict = propagation.stale() ? currents.find((one) => one?.strict === true) : undefined
    if (strict !== undefined) return yield* unconfirmed(strict.environment, strict.key)
    const last = heads[currents.length - 1]!.key
    return {
      found: currents.filter((one): one is Configuration => one !== undefined && !one.deleted),
      next: currents.length < heads.length || heads.length >= options.limit ? last : undefined
    }
  })

  const environments = Effect.fn("Configurations.environments")(function* () {
    const identity = yield* requireAnywhere("config.read")
    const scope = scopeOf(identity, "config")
    const found = yield* Effect.forEach(
      view.environments().filter(({ environment }) => maySome(identity, "config.read", environment)),
      ({ environment, keys }) =>
        Effect.map(scope === undefined ? Effect.succeed(keys) : countVisible(view, environment, scope), (count) => ({
          environment,
          keys: count
        }))
    )
    return found.filter(({ keys }) => keys > 0).sort((a, b) => (a.environment < b.environment ? -1 : 1))
  })

  const diff = Effect.fn("Configurations.diff")(function* (environment: string, key: string, from: number, to: number) {
    const before = yield* version(environment, key, from)
    const after = yield* version(environment, key, to)
    return yield* workers.compare(before.value, after.value)
  })

  const explain = Effect.fn("Configurations.explain")(function* (
    environment: string,
    key: string,
    labels: Readonly<Record<string, string>>
  ) {
    const identity = yield* permit(environment, key)
    const own = (name: string) => (Object.hasOwn(labels, name) ? (labels[name] ?? "") : "")
    const client: ClientView = { environment, service: own("service"), instance: own("instance"), labels }
    const wanted = candidates.of("configuration", client, key)
    const candidate = isCandidate(wanted) ? wanted : undefined
    const stored = yield* candidate === undefined
      ? view.value(environment, key)
      : version(environment, key, candidate.version)
    if (stored === undefined || stored.deleted) return yield* absent(environment, key, stored)
    const variables = yield* view.variables(environment)
    const { value, valueType, template } = stored
    const names = template ? readTemplate(value, valueType).names : []
    const filled = template
      ? fill(readTemplate(value, valueType), valueType, (name) => lookup(name, variables, client))
      : Result.succeed(value)
    const text = Result.isSuccess(filled) ? filled.success : value
    const found = yield* workers.examine(valueType, text, { want: "secrets", stored: true })
    const unread = template && found._tag !== "Read" ? [notValid(valueType, reasonOf(found))] : []
    const missing = names.filter((name) => lookup(name, variables, client) === undefined)
    // Where all variables are there and the text still can't be read, this says why.
    const reasons = Result.isFailure(filled) ? reasonsOf(filled.failure) : unread
    return {
      stored,
      candidate: candidate && { rollout: candidate.rollout, stage: candidate.stage },
      variables: inKeyScope(scopeOf(identity, "config"), VARIABLES_KEY)
        ? variables
        : Object.fromEntries(Object.entries(variables).filter(([name]) => names.includes(name))), // AO2
      used: names.flatMap((name) => {
        const found = lookup(name, variables, client)
        const source = isClientName(name) ? ("client" as const) : ("environment" as const)
        return found === undefined ? [] : [{ name, value: found, source }]
      }),
      missing: missing.length === 0 ? reasons : missing,
      secrets: found._tag === "Read" ? found.secrets : [],
      effective: reasons.length === 0 ? text : undefined,
      stale: propagation.stale()
    } satisfies Explanation
  })

  return { get, version, history, list, values, environments, diff, explain }
})

const unconfirmed = (environment: string, key: string) =>
  failure(
    "StaleRead",
    `${key} in ${environment} is strict, and the database does not confirm that this server has its newest version`
  )

const buried = ({ environment, key, updatedBy, version }: Configuration) =>
  failure(
    "NotFound",
    `${key} in ${environment} was deleted by ${updatedBy} in version ${version}; its history is kept, and a rollback brings it back`
  )
