/**
 * What Herald's own clients get of flags (decision 0023).
 *
 *   FK4  A flag is sent as of the newest change of what it stands on: its own, of a flag which it needs, or of what they share. Its
 *        version is its own.
 *   FK5  What is written of a flag is kept within `BUDGET` bytes, and is the same object for all clients; what is forgotten is written again.
 *   FK8, FK9 in FlagEditions.ts
 *   FK6  A flag that this node can't read, as a newer Herald wrote it, is told as a problem: clients keep what they have.
 */
import { Effect } from "effect"
import { Weighed } from "../bounds/Weighed.ts"
import { sent } from "../evaluation/Sent.ts"
import { keyIn, nameOf } from "../keys/Name.ts"
import { prefixOf } from "../keys/Pattern.ts"
import { Propagation } from "../propagation/Propagation.ts"
import type { Revision } from "../propagation/Revision.ts"
import { Candidates } from "../updates/Candidates.ts"
import type { Mark, ProblemUpdate, ValueUpdate } from "../updates/Update.ts"
import type { KindSource } from "../updates/UpdateSource.ts"
import { Digest } from "../values/Digest.ts"
import type { FeatureFlag } from "./FeatureFlag.ts"
import { type FlagEdition, makeFlagEditions } from "./FlagEditions.ts"
import { FlagView } from "./FlagView.ts"

const KIND = "flag"
/** Bytes. A text counts twice: as it is, and encoded. */
const BUDGET = 64 * 1024 * 1024
/** How often candidates are read for one text: each may need others. */
const ROUNDS = 100
/** Revisions whose trace and time are known. */
const REMEMBERED = 4_096

/** What is sent of a flag now. */
interface Written {
  /** Whose text it is, as long as it is the same; of one that a rollout has to do with, its key. */
  readonly flag: FeatureFlag | string
  /** Milliseconds since 1970. */
  readonly committedAt: number
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
  const candidates = yield* Candidates
  const editions = makeFlagEditions(view, candidates)
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

  const writtenOf = (
    flag: Written["flag"],
    name: string,
    { version, revision, committedAt }: Pick<FlagEdition, "version" | "revision" | "committedAt">,
    content: string
  ): Written => {
    const { epoch } = propagation.position()
    const rest = { digest: digestOf(content), traceparent: "", committedAt: 0, stale: false }
    const mark: Mark = { kind: "value", key: name, version, revision, epoch, ...rest }
    return { flag, committedAt, epoch, revision, content, mark, update: undefined }
  }

  const write = (flag: FeatureFlag): Written | undefined => {
    const { environment, key, version, updatedAt } = flag
    const definition = view.flag(environment, key)?.definition
    const how = view.how(environment)
    if (definition === undefined || how === undefined) return undefined
    const definitionOf = (name: string) => view.flag(environment, name)?.definition
    const content = sent(key, definition, { ruleOf: how.ruleOf, definitionOf }, how.bucketing)
    const its = { version, revision: revisionOf(flag), committedAt: updatedAt }
    return writtenOf(flag, nameOf(KIND, key), its, content)
  }

  /** FK5. Undefined: there is no such flag, or it can't be read. */
  const written = (environment: string, name: string): Written | undefined => {
    const flag = view.find(environment, keyIn(name))
    if (flag === undefined) return undefined
    const id = idOf(environment, flag.key)
    const { epoch } = propagation.position()
    const known = kept.get(id)
    if (known?.flag === flag && known.epoch === epoch) return known
    const made = write(flag)
    if (made === undefined) return undefined
    kept.set(id, made)
    kept.trim(BUDGET)
    return made
  }

  /** As a client has it that has something of a rollout: it is what is kept as long as its revision is. FK8 */
  const writtenAs = (environment: string, name: string, edition: FlagEdition): Written | undefined => {
    const { definition, definitionOf, print, revision } = edition
    if (definition === undefined) return undefined
    const key = keyIn(name)
    const id = `${idOf(environment, key)}\u0000${print}`
    const known = kept.get(id)
    if (known?.revision === revision && known.epoch === propagation.position().epoch) return known
    const { ruleOf, bucketing } = view.as(environment).how
    const made = writtenOf(key, name, edition, sent(key, definition, { ruleOf, definitionOf }, bucketing))
    kept.set(id, made)
    kept.trim(BUDGET)
    return made
  }

  const updateOf = (environment: string, its: Written | undefined): ValueUpdate | undefined => {
    if (its === undefined) return undefined
    const stale = propagation.stale()
    if (its.update?.stale === stale) return its.update
    const { committedAt, mark, content } = its
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
      committedAt: origin?.committedAt ?? committedAt,
      stale,
      strict: false
    }
    return its.update
  }

  const unreadable = (environment: string, name: string, revision: bigint): ProblemUpdate => {
    const { epoch } = propagation.position()
    const message = "this server can't read it: a newer one wrote it"
    return { kind: "problem", environment, key: name, revision, epoch, message } // FK6
  }

  /** Differs from whatever a client holds, so that it is told of the problem. FK6 */
  const unread = (name: string, { version, revision }: Pick<FlagEdition, "version" | "revision">): Mark => {
    const { epoch } = propagation.position()
    const rest = { digest: "", traceparent: "", committedAt: 0, stale: false }
    return { kind: "value", key: name, version, revision, epoch, ...rest }
  }

  const target: KindSource["target"] = (client, name) => {
    const { environment } = client
    const edition = editions.of(client, keyIn(name))
    if (edition === undefined)
      return written(environment, name)?.revision ?? view.find(environment, keyIn(name))?.revision
    return edition.missing.length > 0 ? propagation.position().revision : edition.revision // FK9
  }

  const standing: KindSource["standing"] = (client, name) => {
    const { environment } = client
    const edition = editions.of(client, keyIn(name))
    if (edition !== undefined)
      return edition.missing.length > 0
        ? unread(name, edition)
        : (writtenAs(environment, name, edition)?.mark ?? unread(name, edition))
    const flag = view.find(environment, keyIn(name))
    return written(environment, name)?.mark ?? (flag && unread(name, flag))
  }

  const known: KindSource["known"] = (client, name) => {
    const { environment } = client
    const edition = editions.of(client, keyIn(name))
    if (edition === undefined) return updateOf(environment, written(environment, name))
    return edition.missing.length > 0 ? undefined : updateOf(environment, writtenAs(environment, name, edition))
  }

  const build: KindSource["build"] = Effect.fnUntraced(function* (client, name) {
    const { environment } = client
    for (let round = 0; ; round++) {
      const edition = editions.of(client, keyIn(name))
      const its = edition ?? view.find(environment, keyIn(name))
      if (edition === undefined || edition.missing.length === 0)
        return known(client, name, "") ?? (its && unreadable(environment, name, its.revision))
      if (round === ROUNDS) return unreadable(environment, name, edition.revision)
      for (const { key, candidate } of edition.missing)
        if (!(yield* editions.load(environment, key, candidate))) return undefined
    }
  })

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
    const keys = candidates.keys(KIND, environment)
    if (prefix === undefined) {
      const key = keyIn(pattern)
      const is = view.find(environment, key) !== undefined || candidates.concerns(KIND, environment, key)
      return is && pattern > after ? [{ key: pattern }] : []
    }
    const begin = keyIn(prefix)
    const found = view.page(environment, { prefix: begin, after: last, limit }).map(({ key }) => key)
    const rest = keys.filter((key) => key > last && key.startsWith(begin) && view.find(environment, key) === undefined)
    const all = rest.length === 0 ? found : [...found, ...rest].sort().slice(0, limit)
    return all.map((key) => ({ key: nameOf(KIND, key) }))
  }

  /** FK4 */
  const touched: KindSource["touched"] = function* (change) {
    const { environment } = change
    const found = new Set(view.affected(change))
    for (const key of [...found]) for (const one of view.dependents(environment)?.of(key) ?? []) found.add(one)
    editions.affected(change, found)
    for (const one of found) {
      kept.delete(idOf(environment, one))
      yield { environment, key: nameOf(KIND, one) }
    }
  }

  return {
    kind: KIND,
    alsoTouchedBy: ["segment", "flag_settings", "rollout"],
    target,
    standing,
    known,
    build,
    mark,
    page,
    touched,
    remember: ({ revision, epoch, traceparent, committedAt }) => {
      revisions.set(revision, { epoch, traceparent, committedAt })
      if (revisions.size > REMEMBERED) revisions.delete(revisions.keys().next().value as bigint)
    }
  } satisfies KindSource
})
