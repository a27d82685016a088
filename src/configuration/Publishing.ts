/** The writing half of Configurations: from drafts to one commit. */
import { Effect } from "effect"
import { HttpTraceContext } from "effect/http"
import { requirePermission } from "../access/Access.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { Propagation } from "../propagation/Propagation.ts"
import { Fleet } from "../sessions/Fleet.ts"
import { Workers } from "../work/Workers.ts"
import type { Action, Change } from "./Change.ts"
import { type Configuration, VARIABLES_KEY } from "./Configuration.ts"
import { type Committed, ConfigurationStore } from "./ConfigurationStore.ts"
import { Digest } from "./Digest.ts"
import type { Draft, PublishOptions } from "./Draft.ts"
import { dryRun } from "./DryRun.ts"
import { canonical, draftsProblem, identifierProblem, optionsProblem } from "./Request.ts"
import { isTemplate, malformedIn, type Variables } from "./Template.ts"

/** A change, what it replaces, and whether the version it builds on is ours to insist on. */
interface Resolved {
  readonly change: Change
  readonly current: Configuration | undefined
}

/** Tries when another publisher changes a key between our reading of its rules and our commit. */
const TRIES = 8

export const makePublishing = Effect.gen(function* () {
  const store = yield* ConfigurationStore
  const workers = yield* Workers
  const propagation = yield* Propagation
  const fleet = yield* Fleet
  const digestOf = yield* Digest

  const permit = Effect.fnUntraced(function* (drafts: ReadonlyArray<Draft>) {
    const problem = draftsProblem(drafts)
    let actor = ""
    for (const environment of new Set(drafts.map((draft) => draft.environment))) {
      actor = (yield* requirePermission("config.write", environment)).name
    }
    if (problem !== undefined) return yield* problem
    return actor
  })

  /**
   * Fills in what the draft keeps. Where that includes a schema or strictness, the commit insists on the version it was
   * kept from, so that a rule which someone else just changed is not undone.
   */
  const resolve = Effect.fnUntraced(function* (draft: Draft, message: string, fresh: boolean) {
    const { environment, key, value } = draft
    const current = yield* fresh ? store.current(environment, key) : propagation.value(environment, key)
    const live = current === undefined || current.deleted ? undefined : current
    const schema = draft.schema === undefined ? (live?.schema ?? null) : draft.schema
    const strict = draft.strict ?? live?.strict ?? false
    const keepsRules =
      live !== undefined &&
      ((draft.schema === undefined && live.schema !== null) || (draft.strict === undefined && live.strict))
    const valueType =
      draft.type ?? (value === null ? (current?.valueType ?? "json") : (live?.valueType ?? draft.typeIfNew ?? "json"))
    const change: Change = {
      key,
      environment,
      value,
      valueType,
      schema: value === null ? null : schema,
      strict,
      template: value !== null && key !== VARIABLES_KEY && isTemplate(value, valueType),
      digest: digestOf(value ?? ""),
      expectedVersion: draft.expectedVersion ?? (keepsRules && value !== null ? live.version : undefined),
      changeLog: message
    }
    return { change, current } satisfies Resolved
  })

  /** F3: reads the value as its type and by its schema. Templates are read when they are rendered. */
  const checkValue = Effect.fnUntraced(function* ({ key, environment, value, valueType, schema, template }: Change) {
    if (value === null || template) return
    const malformed = malformedIn(value, valueType)
    if (malformed !== undefined && key !== VARIABLES_KEY) {
      return yield* failure("TemplateError", `${key} in ${environment}: ${malformed}`, {
        details: { key, environment }
      })
    }
    if (key === VARIABLES_KEY && valueType !== "json") {
      return yield* failure("InvalidValue", `${VARIABLES_KEY} must have the type json, not ${valueType}`)
    }
    const want = key === VARIABLES_KEY ? "variables" : "nothing"
    yield* workers.read(valueType, value, { schema, want }).pipe(
      Effect.mapError((error) => {
        switch (error.name) {
          case "InvalidValue":
            return failure(
              "InvalidValue",
              want === "variables"
                ? `the value of ${VARIABLES_KEY} can't be used: ${error.message}`
                : `the value of ${key} can't be read as ${valueType}: ${error.message}`,
              { details: { key, environment, type: valueType } }
            )
          case "SchemaViolation":
          case "InvalidSchema":
            return failure(error.name, `${key} in ${environment}: ${error.message}`, {
              details: { ...error.details, key, environment }
            })
          default:
            return error
        }
      })
    )
  })

  const variablesAfter = Effect.fnUntraced(function* (environment: string, changes: ReadonlyArray<Change>) {
    const change = changes.find((one) => one.key === VARIABLES_KEY && one.environment === environment)
    if (change === undefined) return yield* propagation.variables(environment)
    if (change.value === null) return {}
    return (yield* workers.read(change.valueType, change.value, { want: "variables" })).variables
  })

  /** Templates that this release leaves as they are, but whose variables it changes. */
  const untouchedTemplates = Effect.fnUntraced(function* (environment: string, changes: ReadonlyArray<Change>) {
    const touched = new Set(changes.filter((one) => one.environment === environment).map((one) => one.key))
    const heads = propagation
      .matching(environment, "*", "template")
      .filter((head) => !head.deleted && !touched.has(head.key))
    return yield* Effect.forEach(heads, (head) => propagation.value(environment, head.key), { concurrency: 8 })
  })

  /** F1. */
  const checkTemplates = Effect.fnUntraced(function* (changes: ReadonlyArray<Change>) {
    const known = new Map<string, Variables>()
    for (const change of changes) {
      const { environment, key, value } = change
      if (!change.template && key !== VARIABLES_KEY) continue
      const variables = known.get(environment) ?? (yield* variablesAfter(environment, changes))
      known.set(environment, variables)
      if (change.template && value !== null) {
        yield* dryRun({ ...change, value }, variables, yield* fleet.covering(environment, key), workers, digestOf)
      }
      if (key !== VARIABLES_KEY) continue
      for (const template of yield* untouchedTemplates(environment, changes)) {
        if (template === undefined || template.deleted) continue
        const clients = yield* fleet.covering(environment, template.key)
        yield* dryRun({ ...template, stored: true }, variables, clients, workers, digestOf).pipe(
          Effect.mapError((error) =>
            error.row.http >= 500
              ? error
              : failure("TemplateError", `this would break a template: ${error.message}`, {
                  details: { ...error.details, key: template.key, environment }
                })
          )
        )
      }
    }
  })

  const prepare = Effect.fnUntraced(function* (drafts: ReadonlyArray<Draft>, message: string, fresh: boolean) {
    const resolved: Array<Resolved> = []
    for (const draft of drafts) {
      const one = yield* resolve(draft, message, fresh)
      yield* checkValue(one.change)
      resolved.push(one)
    }
    yield* checkTemplates(resolved.map((one) => one.change))
    return resolved
  })

  const commit = Effect.fnUntraced(function* (
    action: Action,
    drafts: ReadonlyArray<Draft>,
    options: PublishOptions,
    actor: string,
    request: unknown
  ) {
    const { message, idempotencyKey } = options
    const idempotency =
      idempotencyKey === undefined
        ? undefined
        : { key: idempotencyKey, digest: digestOf(canonical({ action, request, message })) }
    const traceparent = yield* currentTraceparent
    const attempt = (left: number): Effect.Effect<Committed, HeraldError> =>
      prepare(drafts, message, left < TRIES).pipe(
        Effect.flatMap((resolved) =>
          store
            .commit({
              action,
              changes: resolved.map((one) => one.change),
              actor,
              message,
              traceparent,
              idempotency
            })
            .pipe(Effect.withSpan("ConfigurationStore.commit"))
        ),
        Effect.catchIf(
          (error) => left > 1 && error.name === "VersionConflict" && !wished(drafts, error),
          () => attempt(left - 1)
        )
      )
    const committed = yield* attempt(TRIES)
    yield* Effect.logDebug("committed", { revision: String(committed.revision.revision), actor })
    yield* propagation.committed(committed.revision)
    return committed
  })

  const publish = Effect.fn("Configurations.publish")(function* (
    drafts: ReadonlyArray<Draft>,
    options: PublishOptions
  ) {
    const actor = yield* permit(drafts)
    const problem = optionsProblem(options)
    if (problem !== undefined) return yield* problem
    const action = drafts.length > 1 ? "release" : drafts[0]?.value === null ? "delete" : "publish"
    return yield* commit(action, drafts, options, actor, drafts)
  })

  const rollback = Effect.fn("Configurations.rollback")(function* (
    environment: string,
    key: string,
    toVersion: number,
    options: PublishOptions
  ) {
    const { name: actor } = yield* requirePermission("config.write", environment)
    const problem = identifierProblem(environment, key) ?? optionsProblem(options)
    if (problem !== undefined) return yield* problem
    const old = yield* store.version(environment, key, toVersion)
    if (old === undefined) {
      return yield* failure("NotFound", `${key} in ${environment} has no version ${toVersion}; see its history`)
    }
    if (old.deleted) {
      return yield* failure(
        "InvalidInput",
        `version ${toVersion} of ${key} in ${environment} is a deletion; delete the key, or roll back to a version with a value`
      )
    }
    const { value, valueType: type, schema, strict } = old
    return yield* commit("rollback", [{ key, environment, value, type, schema, strict }], options, actor, {
      environment,
      key,
      toVersion
    })
  })

  const validate = Effect.fn("Configurations.validate")(function* (drafts: ReadonlyArray<Draft>) {
    yield* permit(drafts)
    const resolved = yield* prepare(drafts, "", false)
    return yield* Effect.forEach(resolved, ({ change, current }, index) => {
      const { key, environment, value } = change
      const version = current?.deleted === false ? current.version : 0
      const expected = drafts[index]?.expectedVersion
      if (value === null && version === 0) {
        return Effect.fail(failure("NotFound", `there is no key ${key} in ${environment} to delete`))
      }
      if (expected !== undefined && expected !== version && expected !== current?.version) {
        return Effect.fail(
          failure("VersionConflict", `${key} in ${environment} is at version ${version}, not ${expected}`, {
            details: { key, environment, expected, current: version }
          })
        )
      }
      return Effect.zipWith(
        workers.compare(current?.value ?? "", value ?? ""),
        fleet.covering(environment, key),
        (difference, clients) => ({ key, environment, difference, clients: clients.length })
      )
    })
  })

  return { publish, rollback, validate }
})

/** Did the publisher ask for the version that the conflict is about? */
const wished = (drafts: ReadonlyArray<Draft>, error: HeraldError): boolean => {
  const { key, environment } = error.details ?? {}
  return drafts.some(
    (draft) =>
      draft.expectedVersion !== undefined &&
      (key === undefined || draft.key === key) &&
      (environment === undefined || draft.environment === environment)
  )
}

/** W3C trace context of the span that publishes; "" without one. */
const currentTraceparent = Effect.currentSpan.pipe(
  Effect.map((span) => HttpTraceContext.toHeaders(span)["traceparent"] ?? ""),
  Effect.orElseSucceed(() => "")
)
