/**
 * Builds the updates by which clients get configurations: each when the first client takes it, shared by all that get the same.
 *
 *   U1  Clients that get the same bytes get the same object.
 *   U2  An update carries the position of the change that made it: of the key, or of the variables that its template uses.
 *   U3  Updates of each key's newest revision are kept, and the text before it as a base for deltas, within `BUDGET` bytes; anything
 *       forgotten is built again, or sent whole.
 *   U4  A template is rendered once for all clients that answer alike for what it uses.
 */

import { Effect, Result } from "effect"
import { Weighed } from "../bounds/Weighed.ts"
import { maySend } from "../delta/Delta.ts"
import { VARIABLES_KEY } from "../keys/Key.ts"
import { prefixOf } from "../keys/Pattern.ts"
import { samePosition } from "../propagation/Position.ts"
import { Propagation } from "../propagation/Propagation.ts"
import type { Revision } from "../propagation/Revision.ts"
import type { Mark, ProblemUpdate, ValueUpdate } from "../updates/Update.ts"
import type { KindSource, Named } from "../updates/UpdateSource.ts"
import { delta } from "../values/Diff.ts"
import { Digest } from "../values/Digest.ts"
import type { Head } from "./Configuration.ts"
import { ConfigurationView } from "./ConfigurationView.ts"
import { makeRenderer } from "./Renderer.ts"
import { renderingKey } from "./Template.ts"
import { Templates } from "./Templates.ts"

/** Bytes. An update counts twice: its text, and the same encoded. */
const BUDGET = 64 * 1024 * 1024
const REMEMBERED = 4_096
/** Keys whose values are asked for together. */
const AHEAD = 32

const costOf = ({ content, delta: patched }: ValueUpdate) => 512 + 2 * (content.length + (patched?.patch.length ?? 0))

interface Built {
  readonly update: ValueUpdate
  readonly key: string
  readonly template: boolean
}

interface OfKey {
  readonly revision: string
  readonly ids: Set<string>
  /** The text that was sent before this revision. */
  readonly base: { readonly digest: string; readonly content: string } | undefined
}

export const configurationUpdates = Effect.gen(function* () {
  const propagation = yield* Propagation
  const view = yield* ConfigurationView
  const digestOf = yield* Digest
  const read = yield* Templates
  const { inTurn, render: renderWith } = yield* makeRenderer
  const shared = new Weighed<Built>(({ update }) => costOf(update))
  /** By key. Only of its newest revision: an older one is never asked for again. U3 */
  const ofKeys = new Map<string, OfKey>()
  const revisions = new Map<bigint, Pick<Revision, "epoch" | "traceparent" | "committedAt">>()
  const marks = { sent: new WeakMap<Head, Mark>(), held: new WeakMap<Head, Mark>() }
  /** Bytes of all bases. */
  let baseBytes = 0
  let last: { readonly head: Head; readonly from: string; readonly update: ValueUpdate } | undefined

  const forget = (id: string) => {
    const { key } = shared.delete(id)!
    const mine = ofKeys.get(key)!
    mine.ids.delete(id)
    if (mine.ids.size > 0) return
    ofKeys.delete(key)
    baseBytes -= 2 * (mine.base?.content.length ?? 0)
  }

  /** Forgets the updates of a key that changed, and returns their text as the base of the next. U3 */
  const supersede = (key: string): OfKey["base"] => {
    const old = ofKeys.get(key)
    if (old === undefined) return undefined
    const [id] = old.ids
    const { update, template } = shared.get(id!)!
    const { kind, digest, content } = update
    for (const one of [...old.ids]) forget(one)
    if (kind !== "value" || template) return undefined
    baseBytes += 2 * content.length
    return { digest, content }
  }

  const share = (id: string, template: boolean, build: () => ValueUpdate): ValueUpdate => {
    const known = shared.get(id)
    if (known !== undefined) return known.update
    const update = build()
    const key = `${update.environment}\u0000${update.key}`
    const revision = `${update.epoch}\u0000${update.revision}`
    const held = ofKeys.get(key)
    const mine = held?.revision === revision ? held : { revision, ids: new Set<string>(), base: supersede(key) }
    ofKeys.set(key, mine)
    mine.ids.add(id)
    shared.set(id, { update, key, template })
    for (const oldest of shared.ids()) {
      if (shared.bytes + baseBytes <= BUDGET || oldest === id) break // U3
      forget(oldest)
    }
    return update
  }

  /** The text with this digest, if it is the last that was sent or the one before. */
  const textOf = (environment: string, key: string, digest: string): string | undefined => {
    const mine = digest === "" ? undefined : ofKeys.get(`${environment}\u0000${key}`)
    if (mine === undefined) return undefined
    if (mine.base?.digest === digest) return mine.base.content
    for (const id of mine.ids) {
      const { update } = shared.get(id)!
      if (update.digest === digest) return update.content
    }
    return undefined
  }

  const target = (environment: string, key: string) => {
    const head = view.head(environment, key)
    if (head === undefined || !head.template) return head?.revision
    const variables = view.head(environment, VARIABLES_KEY)?.revision ?? 0n
    return variables > head.revision ? variables : head.revision // U2
  }

  /** The base for a delta; undefined where none is possible. */
  const baseOf = (head: Head, from: string) =>
    maySend(head) && textOf(head.environment, head.key, from) !== undefined ? from : ""

  const idOf = (environment: string, key: string, revision: bigint, base: string) =>
    `${propagation.position().epoch}\u0000${environment}\u0000${key}\u0000${revision}\u0000${propagation.stale()}\u0000${base}`

  /** U1. Remembers the last one, for the next client of the same round mostly asks for it. */
  const known = (environment: string, key: string, from: string) => {
    const head = view.head(environment, key)
    if (head === undefined || head.template) return undefined
    if (
      last === undefined ||
      last.head !== head ||
      last.from !== from ||
      last.update.stale !== propagation.stale() ||
      last.update.epoch !== propagation.position().epoch
    ) {
      const found = shared.get(idOf(environment, key, head.revision, baseOf(head, from)))
      if (found === undefined) return undefined
      last = { head, from, update: found.update }
    }
    return last.update
  }

  const build: KindSource["build"] = Effect.fnUntraced(function* (client, key, from) {
    const { environment } = client
    const ready = known(environment, key, from)
    if (ready !== undefined) return ready
    const head = view.head(environment, key)
    const revision = target(environment, key)
    if (head === undefined || revision === undefined) return undefined
    const { epoch } = propagation.position()
    const stale = propagation.stale()
    const base = baseOf(head, from)
    const id = idOf(environment, key, revision, base)
    const found = yield* view.value(environment, key)
    if (found === undefined) return undefined
    const remembered = revisions.get(revision)
    const origin = remembered?.epoch === epoch ? remembered : undefined
    const updateOf = (content: string, digest: string, patch: string | undefined): ValueUpdate => ({
      kind: found.deleted ? "deleted" : "value",
      environment,
      key,
      version: found.version,
      // biome-ignore lint/complexity/useMathMinMax: Math.max takes no bigint
      revision: found.revision > revision ? found.revision : revision,
      epoch,
      format: found.valueType,
      content,
      digest,
      delta: patch === undefined ? undefined : { base, patch },
      traceparent: origin?.traceparent ?? "",
      committedAt: origin?.committedAt ?? found.updatedAt,
      stale,
      strict: found.strict
    })
    if (!found.template || found.deleted) {
      const former = textOf(environment, key, base)
      const patch = former === undefined ? undefined : delta(former, found.value)
      return share(id, found.template, () => updateOf(found.value, found.digest, patch))
    }
    const template = read(found.value, found.valueType)
    const group = `${id}\u0000${digestOf(renderingKey(template, client))}`
    const variables = yield* view.variables(environment)
    const made = yield* inTurn(
      template,
      Effect.gen(function* () {
        const same = shared.get(group) // U4
        if (same !== undefined) return same.update
        if (target(environment, key) !== revision) return "old" // it changed while this waited
        const rendered = yield* renderWith(template, variables, client, found.valueType)
        if (propagation.position().epoch !== epoch) return "old"
        if (Result.isFailure(rendered)) {
          const message = `missing in the template: ${rendered.failure.join(", ")}`
          return { kind: "problem", environment, key, revision, epoch, message } satisfies ProblemUpdate
        }
        const content = rendered.success
        return share(group, true, () => updateOf(content, digestOf(content), undefined))
      })
    )
    return made === "old" ? yield* build(client, key, from) : made
  })

  /** One object for all clients that are told of the same update. */
  const mark = (update: ValueUpdate): Mark => {
    const { environment, kind, key, version, revision, epoch, traceparent, committedAt, stale } = update
    const head = view.head(environment, key)
    const known = head === undefined ? undefined : marks.sent.get(head)
    if (known?.stale === stale && known.kind === kind && samePosition(known, update)) return known
    const digest = head?.template === true ? "" : update.digest
    const made: Mark = { kind, key, version, revision, epoch, digest, traceparent, committedAt, stale }
    if (head !== undefined) marks.sent.set(head, made)
    return made
  }

  const standing = (environment: string, key: string): Mark | undefined => {
    const head = view.head(environment, key)
    if (head === undefined) return undefined
    const { version, deleted, template } = head
    const { epoch } = propagation.position()
    const revision = target(environment, key)!
    const known = marks.held.get(head)
    if (known !== undefined && samePosition(known, { epoch, revision })) return known
    const made: Mark = {
      kind: deleted ? "deleted" : "value",
      key,
      version,
      revision,
      epoch,
      digest: template ? "" : head.digest,
      traceparent: "",
      committedAt: 0,
      stale: false
    }
    marks.held.set(head, made)
    return made
  }

  const remember = (revision: Revision) => {
    revisions.set(revision.revision, {
      epoch: revision.epoch,
      traceparent: revision.traceparent,
      committedAt: revision.committedAt
    })
    if (revisions.size > REMEMBERED) revisions.delete(revisions.keys().next().value as bigint)
  }

  const page: KindSource["page"] = (environment, pattern, after, limit) => {
    const prefix = prefixOf(pattern)
    if (prefix !== undefined) return view.page(environment, { prefix, after, limit })
    const head = pattern > after ? view.head(environment, pattern) : undefined
    return head === undefined ? [] : [head]
  }

  const ahead = (environment: string, pattern: string, after: string): string => {
    const heads = page(environment, pattern, after, AHEAD)
    for (const { key } of heads) view.warm(environment, key)
    return heads.at(-1)?.key ?? after
  }

  const touched = function* ({ environment, key }: Named): Generator<Named, void> {
    yield { environment, key }
    if (key === VARIABLES_KEY) for (const slice of view.slices(environment, "*", "template")) yield* slice
  }

  return {
    kind: "configuration",
    target,
    standing,
    known,
    build,
    mark,
    page,
    ahead,
    touched,
    remember
  } satisfies KindSource
})
