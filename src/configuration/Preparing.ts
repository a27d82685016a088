/**
 * Makes drafts into a release that may be committed: fills in what a draft keeps, and checks it against what is current.
 *
 *   RU1  Whatever a release was checked against goes with it, and is compared again where its turn is decided: what it keeps of the current
 *        version, the variables of its templates, the templates of its variables. So nobody's rule is undone or passed by.
 *   RU2  A release is refused only by what is current: what this node's view refuses is read again from the store, and checked again if
 *        that differs.
 */

import { Effect, Result } from "effect"
import { requirePermission } from "../access/Access.ts"
import { CurrentIdentity } from "../access/Identity.ts"
import { inKeyScope, scopeOf } from "../access/KeyScope.ts"
import { explained } from "../access/Refusal.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { ConnectedClients } from "../fleet/ConnectedClients.ts"
import { VARIABLES_KEY } from "../keys/Key.ts"
import { Digest } from "../values/Digest.ts"
import { mistakeOf, reasonOf } from "../work/Mistake.ts"
import { Workers } from "../work/Workers.ts"
import { holds } from "./Condition.ts"
import type { Configuration } from "./Configuration.ts"
import { ConfigurationStore } from "./ConfigurationStore.ts"
import { ConfigurationView } from "./ConfigurationView.ts"
import type { Draft } from "./Draft.ts"
import { dryRun } from "./DryRun.ts"
import { isClientName, isTemplate, malformedIn, type Variables } from "./Template.ts"
import { Templates } from "./Templates.ts"
import { definedBy, variablesOf } from "./Variables.ts"
import type { Basis, ConfigurationWish, Kept } from "./Wish.ts"

/** A change and what it replaces. */
export interface Resolved {
  readonly change: ConfigurationWish
  /** Without its value: a release of 500 changes may replace 500 megabytes. */
  readonly current: Pick<Configuration, "version" | "revision" | "digest" | "deleted"> | undefined
  readonly stored: boolean
  readonly condition: Draft["condition"]
  /** What the door found when it read the value; undefined where it did not read it, or read it as another type. CV4 */
  readonly found: Draft["found"]
}

export interface Prepared {
  readonly resolved: ReadonlyArray<Resolved>
  readonly basis: Basis | undefined
}

/** The variables that templates are rendered with, unless the release itself changes them; and the digest of their text. */
interface Known {
  readonly variables: Variables
  readonly digest: string
}

/** Everything that the checks look at, besides the release and the clients. */
interface Gathered {
  readonly resolved: ReadonlyArray<Resolved>
  readonly known: ReadonlyMap<string, Known>
}

const withoutValue = ({ version, revision, digest, deleted }: Configuration) => ({ version, revision, digest, deleted })

export const makePreparing = Effect.gen(function* () {
  const store = yield* ConfigurationStore
  const workers = yield* Workers
  const view = yield* ConfigurationView
  const fleet = yield* ConnectedClients
  const digestOf = yield* Digest
  const readTemplate = yield* Templates

  const currentOf = (environment: string, key: string, fresh: boolean) =>
    fresh ? store.current(environment, key) : view.value(environment, key)

  const resolve = Effect.fnUntraced(function* (draft: Draft, message: string, fresh: boolean) {
    const { environment, key, value } = draft
    const current = yield* currentOf(environment, key, fresh)
    const live = current === undefined || current.deleted ? undefined : current
    const valueType =
      draft.type ?? (value === null ? (current?.valueType ?? "json") : (live?.valueType ?? draft.typeIfNew ?? "json"))
    const change: ConfigurationWish = {
      kind: "configuration",
      key,
      environment,
      value,
      valueType,
      schema: value === null ? null : draft.schema === undefined ? (live?.schema ?? null) : draft.schema,
      strict: draft.strict ?? live?.strict ?? false,
      template: value !== null && key !== VARIABLES_KEY && isTemplate(value, valueType, readTemplate),
      digest: digestOf(value ?? ""),
      // CD1: together with the digest, which goes into the basis.
      expectedVersion: draft.expectedVersion ?? (draft.condition && (live?.version ?? 0)),
      kept: keptBy(draft, live !== undefined), // RU1
      changeLog: message
    }
    return {
      change,
      current: current && withoutValue(current),
      stored: draft.stored === true,
      condition: draft.condition,
      found: draft.found?.type === valueType ? draft.found : undefined
    } satisfies Resolved
  })

  /** Reads the value as its type and checks its schema; a template is read when it is rendered. Returns what `herald.variables` defines. F3 */
  const checkValue = Effect.fnUntraced(function* ({ change, stored, found }: Resolved) {
    const { key, environment, value, valueType, schema, template } = change
    if (value === null || template) return {}
    const malformed = key === VARIABLES_KEY ? undefined : malformedIn(value, valueType, readTemplate)
    if (malformed !== undefined) {
      return yield* failure("TemplateError", `${key} in ${environment}: ${malformed}`, {
        details: { key, environment }
      })
    }
    if (key === VARIABLES_KEY && valueType !== "json") {
      return yield* failure("InvalidValue", `${VARIABLES_KEY} must have the type json, not ${valueType}`)
    }
    const want = key === VARIABLES_KEY ? "members" : "nothing"
    if (found !== undefined && found.problem === undefined && schema === null && want === "nothing") return {} // CV4
    const unreadable = (reason: string) => {
      const what = want === "members" ? "can't be used" : `can't be read as ${valueType}`
      const details = { key, environment, type: valueType }
      return mistakeOf({ _tag: "Unreadable", reason }, `the value of ${key} ${what}: ${reason}`, details)
    }
    if (found?.problem !== undefined) return yield* unreadable(found.problem)
    const checked = found !== undefined
    const read = yield* workers.examine(valueType, value, { schema, want, stored, checked })
    if (read._tag === "Unreadable") return yield* unreadable(read.reason)
    if (read._tag !== "Read")
      return yield* mistakeOf(read, `${key} in ${environment}: ${reasonOf(read)}`, { key, environment })
    if (want === "nothing") return {}
    const variables = variablesOf(read.members)
    return Result.isSuccess(variables) ? variables.success : yield* unreadable(variables.failure)
  })

  /** AO2 */
  const mayName = Effect.fnUntraced(function* ({
    change: { environment, key, value, valueType, template },
    stored
  }: Resolved) {
    if (!template || value === null || stored) return
    if (readTemplate(value, valueType).names.every(isClientName)) return
    yield* requirePermission("config.read", environment, { kind: "config", key: VARIABLES_KEY }).pipe(
      Effect.mapError((error) =>
        error.details?.["rule"] === undefined ? error : explained(`${key} names variables`, error)
      )
    )
  })

  const variablesNow = Effect.fnUntraced(function* (environment: string, fresh: boolean) {
    const current = yield* currentOf(environment, VARIABLES_KEY, fresh)
    const digest = current === undefined || current.deleted ? "" : current.digest
    return { variables: definedBy(current), digest } satisfies Known
  })

  const gather = Effect.fnUntraced(function* (drafts: ReadonlyArray<Draft>, message: string, fresh: boolean) {
    const resolved: Array<Resolved> = []
    for (const draft of drafts) resolved.push(yield* resolve(draft, message, fresh))
    const known = new Map<string, Known>()
    for (const { change } of resolved) {
      const { environment, template } = change
      if (template && !known.has(environment)) known.set(environment, yield* variablesNow(environment, fresh))
    }
    return { resolved, known } satisfies Gathered
  })

  /** The environment's templates as they are now. Values that this node has are not read again. */
  const templatesIn = Effect.fnUntraced(function* (environment: string, touched: ReadonlySet<string>) {
    const { position, heads } = yield* store.templates(environment)
    const templates = yield* Effect.forEach(
      heads.filter(({ key }) => !touched.has(key)),
      Effect.fnUntraced(function* ({ key, revision }) {
        const held = yield* view.value(environment, key)
        return held?.revision === revision ? held : yield* store.current(environment, key)
      }),
      { concurrency: 8 }
    )
    return { position, templates }
  })

  /** F1 for templates that the release does not change, but whose variables it does. */
  const checkUntouched = Effect.fnUntraced(function* (
    environment: string,
    changes: ReadonlyArray<ConfigurationWish>,
    variables: Variables
  ) {
    const touched = new Set(changes.filter((one) => one.environment === environment).map(({ key }) => key))
    const { position, templates } = yield* templatesIn(environment, touched)
    for (const template of templates) {
      if (template === undefined || template.deleted || !template.template) continue
      const clients = yield* fleet.covering(environment, template.key)
      yield* dryRun({ ...template, stored: true }, variables, clients, workers, digestOf, readTemplate).pipe(
        Effect.catch(
          Effect.fnUntraced(function* (error) {
            if (!error.refused) return yield* error
            const identity = yield* CurrentIdentity
            if (identity === undefined || !inKeyScope(scopeOf(identity, "config"), template.key))
              return yield* failure("TemplateError", "this would break a template that your grant does not cover", {
                details: { environment }
              }) // AO1
            return yield* failure("TemplateError", `this would break a template: ${error.message}`, {
              details: { ...error.details, key: template.key, environment }
            })
          })
        )
      )
    }
    return position
  })

  const check = Effect.fnUntraced(function* ({ resolved, known }: Gathered) {
    const changes = resolved.map(({ change }) => change)
    const own = new Map<string, Variables>()
    const values = new Map<string, Basis["values"][number]>()
    for (const one of resolved) {
      const { change, condition, current } = one
      if (condition !== undefined) {
        const { environment, key } = change
        if (!holds(condition, current)) return yield* otherwise(change, current) // CD1
        const digest = current === undefined || current.deleted ? "" : current.digest
        values.set(`${environment}/${key}`, { environment, key, digest })
      }
      yield* mayName(one)
      const variables = yield* checkValue(one)
      if (change.key === VARIABLES_KEY) own.set(change.environment, variables)
    }
    const templates: Array<Basis["templates"][number]> = []
    // F1
    for (const { change, stored } of resolved) {
      const { environment, key, value } = change
      if (!change.template && key !== VARIABLES_KEY) continue
      const set = own.get(environment)
      const variables = set ?? known.get(environment)!.variables
      if (set === undefined) {
        values.set(`${environment}/${VARIABLES_KEY}`, {
          environment,
          key: VARIABLES_KEY,
          digest: known.get(environment)!.digest
        })
      }
      if (change.template && value !== null) {
        const clients = yield* fleet.covering(environment, key)
        yield* dryRun({ ...change, value, stored }, variables, clients, workers, digestOf, readTemplate)
      }
      if (key === VARIABLES_KEY) {
        templates.push({ environment, position: yield* checkUntouched(environment, changes, variables) })
      }
    }
    const basis: Basis | undefined =
      values.size + templates.length === 0 ? undefined : { values: [...values.values()], templates }
    return { resolved, basis } satisfies Prepared
  })

  /** `fresh`: read what is current from the store, as this node's view was outdated. */
  return Effect.fnUntraced(function* (
    drafts: ReadonlyArray<Draft>,
    message: string,
    fresh: boolean
  ): Effect.fn.Return<Prepared, HeraldError> {
    const first = yield* gather(drafts, message, fresh)
    if (fresh) return yield* check(first)
    return yield* Effect.catchIf(
      check(first),
      (error) => error.refused,
      // RU2
      (refused) =>
        Effect.flatMap(gather(drafts, message, true), (now) => (sameIn(first, now) ? Effect.fail(refused) : check(now)))
    )
  })
})

const otherwise = ({ environment, key }: ConfigurationWish, current: Resolved["current"]): HeraldError => {
  const version = current === undefined || current.deleted ? 0 : current.version
  const is = version === 0 ? "is not there" : `is at version ${version}, content ${current?.digest.slice(0, 16)}`
  return failure("VersionConflict", `${key} in ${environment} ${is}: that is not what the request is meant for`, {
    details: { key, environment, current: version }
  })
}

const keptBy = ({ value, schema, strict, type }: Draft, live: boolean): Kept | undefined => {
  const fields: Array<Kept["fields"][number]> = []
  if (schema === undefined && value !== null) fields.push("schema")
  if (strict === undefined) fields.push("strict")
  if (type === undefined) fields.push("type")
  return fields.length === 0 ? undefined : { live, fields }
}

const sameIn = (a: Gathered, b: Gathered): boolean =>
  a.resolved.every(({ current }, index) => {
    const other = b.resolved[index]?.current
    return current?.revision === other?.revision && current?.digest === other?.digest
  }) && [...a.known].every(([environment, { digest }]) => b.known.get(environment)?.digest === digest)
