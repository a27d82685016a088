/** The writing half of Configurations: from drafts to one commit. */
import { Effect } from "effect"
import { requirePermission } from "../access/Access.ts"
import type { Identity } from "../access/Identity.ts"
import { Commits, Overtaken } from "../commits/Commits.ts"
import type { Action, Committed, Idempotency } from "../commits/Release.ts"
import { catalogue } from "../errors/Catalogue.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { ConnectedClients } from "../fleet/ConnectedClients.ts"
import { targetProblem } from "../keys/Target.ts"
import { Propagation } from "../propagation/Propagation.ts"
import { currentTraceparent } from "../telemetry/Traces.ts"
import type { Difference } from "../values/Diff.ts"
import { Digest } from "../values/Digest.ts"
import { PAGE_BYTES } from "../values/Page.ts"
import { Workers } from "../work/Workers.ts"
import type { Configuration } from "./Configuration.ts"
import { ConfigurationStore } from "./ConfigurationStore.ts"
import { ConfigurationView } from "./ConfigurationView.ts"
import type { Draft, Expecting, PublishOptions } from "./Draft.ts"
import { makePreparing } from "./Preparing.ts"
import { canonical, draftsProblem, expectedProblem, optionsProblem } from "./Request.ts"

/** Tries when other publishers change what a release was checked against before its turn comes. */
const TRIES = 8

export const makePublishing = Effect.gen(function* () {
  const store = yield* ConfigurationStore
  const commits = yield* Commits
  const workers = yield* Workers
  const propagation = yield* Propagation
  const view = yield* ConfigurationView
  const fleet = yield* ConnectedClients
  const digestOf = yield* Digest
  const prepare = yield* makePreparing

  const permit = Effect.fnUntraced(function* (drafts: ReadonlyArray<Draft>) {
    const problem = draftsProblem(drafts)
    let actor: Identity | undefined
    for (const environment of new Set(drafts.map((draft) => draft.environment))) {
      actor = yield* requirePermission("config.write", environment)
    }
    if (problem !== undefined) return yield* problem
    return actor!
  })

  /** `drafts` are made after the look for an earlier commit: what is read for them may have changed since that. */
  const commit = Effect.fnUntraced(function* (
    action: Action,
    { name: actor, keyId }: Identity,
    options: PublishOptions,
    request: unknown,
    drafts: Effect.Effect<ReadonlyArray<Draft>, HeraldError>
  ) {
    const { message, idempotencyKey } = options
    const idempotency =
      idempotencyKey === undefined
        ? undefined
        : { owner: actor, key: idempotencyKey, digest: digestOf(canonical({ action, request, message })) }
    const traceparent = yield* currentTraceparent
    const made = Effect.gen(function* () {
      const ready = yield* drafts
      const attempt = (left: number): Effect.Effect<Committed<Configuration>, HeraldError> =>
        prepare(ready, message, left < TRIES).pipe(
          Effect.flatMap(({ resolved, basis }) =>
            commits
              .commit({
                action,
                changes: resolved.map((one) => one.change),
                actor,
                keyId,
                message,
                traceparent,
                idempotency,
                basis
              })
              .pipe(
                Effect.mapError((error) => (conditional(ready) ? again(error) : error)), // CD1
                Effect.withSpan("ConfigurationStore.commit")
              )
          ),
          // RU1
          Effect.catchIf(
            (error) => left > 1 && error instanceof Overtaken,
            () => attempt(left - 1)
          )
        )
      return yield* attempt(TRIES)
    })
    const committed = idempotency === undefined ? yield* made : yield* once(idempotency, made)
    yield* Effect.logDebug("committed", { revision: String(committed.revision.revision), actor })
    yield* propagation.committed(committed.revision)
    return committed
  })

  /** F4. Refused, it may have been committed since the look: by the first try, which is still under way. */
  const once = Effect.fnUntraced(function* (
    idempotency: Idempotency & { readonly owner: string },
    make: Effect.Effect<Committed<Configuration>, HeraldError>
  ) {
    const before = yield* commits.earlier<Configuration>(idempotency)
    if (before !== undefined) return before
    return yield* Effect.catchIf(
      make,
      (error) => error.refused,
      (refused) =>
        Effect.flatMap(commits.earlier<Configuration>(idempotency), (meanwhile) =>
          meanwhile === undefined ? Effect.fail(refused) : Effect.succeed(meanwhile)
        )
    )
  })

  const publish = Effect.fn("Configurations.publish")(function* (
    drafts: ReadonlyArray<Draft>,
    options: PublishOptions
  ) {
    const actor = yield* permit(drafts)
    const problem = optionsProblem(options)
    if (problem !== undefined) return yield* problem
    const action = drafts.length > 1 ? "release" : drafts[0]?.value === null ? "delete" : "publish"
    return yield* commit(action, actor, options, drafts.map(asked), Effect.succeed(drafts))
  })

  const rollback = Effect.fn("Configurations.rollback")(function* (
    environment: string,
    key: string,
    toVersion: number,
    { expectedVersion, condition, ...options }: PublishOptions & Expecting
  ) {
    const actor = yield* requirePermission("config.write", environment)
    const problem = targetProblem(environment, key) ?? expectedProblem(key, expectedVersion) ?? optionsProblem(options)
    if (problem !== undefined) return yield* problem
    const draft = Effect.gen(function* () {
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
      return [{ key, environment, value, type, schema, strict, expectedVersion, condition, stored: true }]
    })
    const request = { environment, key, toVersion, expectedVersion, condition }
    return yield* commit("rollback", actor, options, request, draft)
  })

  const validate = Effect.fn("Configurations.validate")(function* (drafts: ReadonlyArray<Draft>) {
    yield* permit(drafts)
    const { resolved } = yield* prepare(drafts, "", false)
    let shown = 0
    const differenceTo = Effect.fnUntraced(function* (environment: string, key: string, value: string) {
      if (shown > PAGE_BYTES) return tooMuch // PB1
      const current = yield* view.value(environment, key)
      const found = yield* workers.compare(current?.value ?? "", value)
      shown += (current?.value.length ?? 0) + value.length
      return found
    })
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
        differenceTo(environment, key, value ?? ""),
        fleet.covering(environment, key),
        (difference, clients) => ({ key, environment, difference, clients: clients.length })
      )
    })
  })

  return { publish, rollback, validate }
})

/** What of a draft makes it another request: not what its reader found. F4 */
const asked = ({ found: _, ...draft }: Draft): Draft => draft

const conditional = (drafts: ReadonlyArray<Draft>): boolean =>
  drafts.some(({ condition, expectedVersion }) => condition !== undefined && expectedVersion === undefined)

/** Another version than the condition was judged by may fit it as well. */
const again = (error: HeraldError): HeraldError =>
  error.row === catalogue.VersionConflict && !(error instanceof Overtaken)
    ? new Overtaken({ name: error.name, message: error.message, details: error.details ?? {} })
    : error

/** In the place of a difference, where those before it fill the answer. */
const tooMuch: Difference = {
  kind: "lines",
  unified: "--- before\n+++ after\nnot shown: the answer is full; validate this change alone\n"
}
