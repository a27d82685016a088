/**
 * What Herald's own clients get of flags (decision 0023).
 *
 *   FK4  A flag is sent as of the newest change of what it stands on: its own, of a flag which it needs, or of what they share. Its
 *        version is its own.
 *   FK5  What is written of a flag is kept within `BUDGET` bytes, and is the same object for all clients; what is forgotten is written again.
 *   FK6  A flag that this node can't read, as a newer Herald wrote it, is told as a problem: clients keep what they have.
 */
import { Effect } from "effect"
import { Weighed } from "../bounds/Weighed.ts"
import { sent } from "../evaluation/Sent.ts"
import { keyIn, nameOf } from "../keys/Name.ts"
import { prefixOf } from "../keys/Pattern.ts"
import { Propagation } from "../propagation/Propagation.ts"
import type { Revision } from "../propagation/Revision.ts"
import type { Mark, ProblemUpdate, ValueUpdate } from "../updates/Update.ts"
import type { KindSource } from "../updates/UpdateSource.ts"
import { Digest } from "../values/Digest.ts"
import type { FeatureFlag } from "./FeatureFlag.ts"
import { FlagView } from "./FlagView.ts"

const KIND = "flag"
/** Bytes. A text counts twice: as it is, and encoded. */
const BUDGET = 64 * 1024 * 1024
/** Revisions whose trace and time are known. */
const REMEMBERED = 4_096

/** What is sent of a flag now. */
interface Written {
  readonly flag: FeatureFlag
  readonly epoch: string
  /** FK4 */
  readonly revision: bigint
  readonly content: string
  readonly mark: Mark
  update: ValueUpdate | undefined
}

export const flagUpdates = Effect.gen(function* () {
  const propagation = yield* Propagation
  const view = yield* FlagView
  const digestOf = yield* Digest
  const kept = new Weighed<Written>(({ content }) => 1_024 + 4 * content.length)
  const revisions = new Map<bigint, Pick<Revision, "epoch" | "traceparent" | "committedAt">>()

  const idOf = (environment: string, key: string) => `${environment}\u0000${key}`

  /** FK4 */
  const revisionOf = (flag: FeatureFlag): bigint => {
    const { environment, key } = flag
    let newest = flag.revision
    const stand = (revision: bigint | undefined): void => {
      if (revision !== undefined && revision > newest) newest = revision
    }
    for (const other of [key, ...(view.dependents(environment)?.needs(key) ?? [])]) {
      const its = view.find(environment, other)
      stand(its?.revision)
      stand(view.shared(environment, its?.uses ?? []))
    }
    return newest
  }

  const write = (flag: FeatureFlag, epoch: string): Written | undefined => {
    const { environment, key } = flag
    const definition = view.flag(environment, key)?.definition
    const how = view.how(environment)
    if (definition === undefined || how === undefined) return undefined
    const definitionOf = (name: string) => view.flag(environment, name)?.definition
    const content = sent(key, definition, { ruleOf: how.ruleOf, definitionOf }, how.bucketing)
    const revision = revisionOf(flag)
    const mark: Mark = {
      kind: "value",
      key: nameOf(KIND, key),
      version: flag.version,
      revision,
      epoch,
      digest: digestOf(content),
      traceparent: "",
      committedAt: 0,
      stale: false
    }
    return { flag, epoch, revision, content, mark, update: undefined }
  }

  /** FK5. Undefined: there is no such flag, or it can't be read. */
  const written = (environment: string, name: string): Written | undefined => {
    const flag = view.find(environment, keyIn(name))
    if (flag === undefined) return undefined
    const id = idOf(environment, flag.key)
    const { epoch } = propagation.position()
    const known = kept.get(id)
    if (known?.flag === flag && known.epoch === epoch) return known
    const made = write(flag, epoch)
    if (made === undefined) return undefined
    kept.set(id, made)
    kept.trim(BUDGET)
    return made
  }

  const known = (environment: string, name: string): ValueUpdate | undefined => {
    const its = written(environment, name)
    if (its === undefined) return undefined
    const stale = propagation.stale()
    if (its.update?.stale === stale) return its.update
    const { flag, mark, content } = its
    const remembered = revisions.get(mark.revision)
    const origin = remembered?.epoch === mark.epoch ? remembered : undefined
    its.update = {
      ...mark,
      kind: "value",
      environment,
      format: "json",
      content,
      delta: undefined,
      traceparent: origin?.traceparent ?? "",
      committedAt: origin?.committedAt ?? flag.updatedAt,
      stale,
      strict: false
    }
    return its.update
  }

  const unreadable = (environment: string, name: string): ProblemUpdate | undefined => {
    const flag = view.find(environment, keyIn(name))
    if (flag === undefined) return undefined
    const { epoch } = propagation.position()
    const message = "this server can't read it: a newer one wrote it"
    return { kind: "problem", environment, key: name, revision: flag.revision, epoch, message } // FK6
  }

  /** Differs from whatever a client holds, so that it is told of the problem. FK6 */
  const unread = (environment: string, name: string): Mark | undefined => {
    const flag = view.find(environment, keyIn(name))
    if (flag === undefined) return undefined
    const { epoch } = propagation.position()
    const { version, revision } = flag
    const rest = { digest: "", traceparent: "", committedAt: 0, stale: false }
    return { kind: "value", key: name, version, revision, epoch, ...rest }
  }

  const marks = new WeakMap<ValueUpdate, Mark>()
  const mark = (update: ValueUpdate): Mark => {
    let made = marks.get(update)
    if (made === undefined) {
      const { kind, key, version, revision, epoch, digest, traceparent, committedAt, stale } = update
      marks.set(update, (made = { kind, key, version, revision, epoch, digest, traceparent, committedAt, stale }))
    }
    return made
  }

  const page: KindSource["page"] = (environment, pattern, after, limit) => {
    const prefix = prefixOf(pattern)
    const last = after === "" ? "" : keyIn(after)
    if (prefix !== undefined)
      return view
        .page(environment, { prefix: keyIn(prefix), after: last, limit })
        .map(({ key }) => ({ key: nameOf(KIND, key) }))
    return pattern > after && view.find(environment, keyIn(pattern)) !== undefined ? [{ key: pattern }] : []
  }

  /** FK4 */
  const touched: KindSource["touched"] = function* (change) {
    const { environment } = change
    const found = new Set(view.affected(change))
    for (const key of [...found]) for (const one of view.dependents(environment)?.of(key) ?? []) found.add(one)
    for (const one of found) {
      kept.delete(idOf(environment, one))
      yield { environment, key: nameOf(KIND, one) }
    }
  }

  return {
    kind: KIND,
    alsoTouchedBy: ["segment", "flag_settings"],
    target: ({ environment }, name) =>
      written(environment, name)?.revision ?? view.find(environment, keyIn(name))?.revision,
    standing: ({ environment }, name) => written(environment, name)?.mark ?? unread(environment, name),
    known: ({ environment }, name) => known(environment, name),
    build: ({ environment }, name) => Effect.sync(() => known(environment, name) ?? unreadable(environment, name)),
    mark,
    page,
    touched,
    remember: ({ revision, epoch, traceparent, committedAt }) => {
      revisions.set(revision, { epoch, traceparent, committedAt })
      if (revisions.size > REMEMBERED) revisions.delete(revisions.keys().next().value as bigint)
    }
  } satisfies KindSource
})
