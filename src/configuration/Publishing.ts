/** The writing half of Configurations: makes drafts into one commit. */
import { Effect } from "effect"
import { requirePermission } from "../access/Access.ts"
import type { Identity } from "../access/Identity.ts"
import type { Beside } from "../commits/Beside.ts"
import { makeCommitting } from "../commits/Committing.ts"
import type { Action, Wish } from "../commits/Release.ts"
import { type CommitOptions, messageOf } from "../commits/Request.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { ConnectedClients } from "../fleet/ConnectedClients.ts"
import { targetProblem } from "../keys/Target.ts"
import { step } from "../telemetry/Traces.ts"
import type { Difference } from "../values/Diff.ts"
import { PAGE_BYTES } from "../values/Page.ts"
import { Workers } from "../work/Workers.ts"
import type { Configuration } from "./Configuration.ts"
import { ConfigurationStore } from "./ConfigurationStore.ts"
import { ConfigurationView } from "./ConfigurationView.ts"
import { conflictOf } from "./Conflict.ts"
import type { Draft, Expecting } from "./Draft.ts"
import { unknownKey } from "./Near.ts"
import { makePreparing, type Prepared } from "./Preparing.ts"
import { draftsProblem, expectedProblem } from "./Request.ts"
import type { ConfigurationWish } from "./Wish.ts"

export const makePublishing = Effect.gen(function* () {
  const store = yield* ConfigurationStore
  const workers = yield* Workers
  const view = yield* ConfigurationView
  const fleet = yield* ConnectedClients
  const prepare = yield* makePreparing
  const committing = yield* makeCommitting

  const permit = Effect.fnUntraced(function* (drafts: ReadonlyArray<Draft>, beside?: Beside) {
    const problem = draftsProblem(drafts, beside)
    let actor: Identity | undefined = beside?.identity
    for (const { environment, key } of drafts)
      actor = yield* requirePermission("config.write", environment, { kind: "config", key })
    if (problem !== undefined) return yield* problem
    return actor!
  })

  /** `drafts` runs only when no earlier commit had the idempotency key: what it reads may have changed since that commit. */
  const commit = (
    action: Action,
    identity: Identity,
    options: CommitOptions,
    request: unknown,
    drafts: Effect.Effect<ReadonlyArray<Draft>, HeraldError>,
    beside?: Beside
  ) =>
    committing<Configuration>({
      action,
      identity,
      options,
      request,
      check: (again) =>
        Effect.flatMap(drafts, (made) =>
          Effect.zipWith(
            made.length === 0 ? NOTHING : prepare(made, messageOf(options), again),
            beside?.check ?? NONE,
            ({ resolved, basis }, others) => ({
              // `release` gives them out as what they are.
              changes: [...resolved.map(({ change }) => change), ...(others as ReadonlyArray<ConfigurationWish>)],
              basis,
              conditional: conditional(made) // CD1
            })
          )
        )
    })

  const release = Effect.fn("Configurations.release")(function* (
    drafts: ReadonlyArray<Draft>,
    options: CommitOptions,
    beside: Beside
  ) {
    const actor = yield* permit(drafts, beside)
    const problem = beside.problem?.(options.message)
    if (problem !== undefined) return yield* problem
    const request = [drafts.map(asked), beside.request]
    return yield* commit("release", actor, options, request, Effect.succeed(drafts), beside)
  })

  const publish = Effect.fnUntraced(function* (drafts: ReadonlyArray<Draft>, options: CommitOptions) {
    const actor = yield* permit(drafts)
    const action = drafts.length > 1 ? "release" : drafts[0]?.value === null ? "delete" : "publish"
    return yield* commit(action, actor, options, drafts.map(asked), Effect.succeed(drafts))
  }, step("Configurations.publish"))

  const rollback = Effect.fn("Configurations.rollback")(function* (
    environment: string,
    key: string,
    toVersion: number,
    { expectedVersion, condition, ...options }: CommitOptions & Expecting
  ) {
    const actor = yield* requirePermission("config.write", environment, { kind: "config", key })
    const problem = targetProblem(environment, key) ?? expectedProblem(key, expectedVersion)
    if (problem !== undefined) return yield* problem
    const draft = Effect.gen(function* () {
      const old = yield* store.version(environment, key, toVersion)
      if (old === undefined) {
        if ((yield* store.current(environment, key)) === undefined) return yield* unknownKey(view, environment, key)
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
    return yield* Effect.forEach(resolved, ({ change, current }) => {
      const { key, environment, value } = change
      const conflict = conflictOf(change, current)
      if (conflict !== undefined) return Effect.fail(conflict)
      return Effect.zipWith(
        differenceTo(environment, key, value ?? ""),
        fleet.covering(environment, key),
        (difference, clients) => ({ key, environment, difference, clients: clients.length })
      )
    })
  })

  const prepared = Effect.fn("Configurations.prepared")(function* (
    drafts: ReadonlyArray<Draft>,
    message: string,
    again: boolean
  ) {
    yield* permit(drafts)
    const { resolved, basis } = yield* prepare(drafts, message, again)
    for (const { change, current } of resolved) {
      const conflict = conflictOf(change, current)
      if (conflict !== undefined) return yield* conflict
    }
    return { resolved, basis } satisfies Prepared
  })

  return { publish, release, rollback, validate, prepared }
})

const NOTHING = Effect.succeed<Pick<Prepared, "resolved" | "basis">>({ resolved: [], basis: undefined })
const NONE = Effect.succeed<ReadonlyArray<Wish>>([])

/** The parts of a draft that make it another request: all but what the door found in its value. F4 */
const asked = ({ found: _, ...draft }: Draft): Draft => draft

const conditional = (drafts: ReadonlyArray<Draft>): boolean =>
  drafts.some(({ condition, expectedVersion }) => condition !== undefined && expectedVersion === undefined)

/** Shown instead of a difference when those before it have filled the answer. */
const tooMuch: Difference = {
  kind: "lines",
  unified: "--- before\n+++ after\nnot shown: the answer is full; validate this change alone\n"
}
