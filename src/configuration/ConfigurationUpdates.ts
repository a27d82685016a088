/**
 * Builds the updates by which clients get configurations: each when the first client takes it, shared by all that get the same.
 *
 *   U1  Clients that get the same bytes get the same object.
 *   U2  An update carries the position of the change that made it: of the key, or of the variables that its template uses.
 *   U3 in SharedUpdates.ts
 *   U4  A template is rendered once for all clients that answer alike for what it uses.
 */

import { Effect, Result } from "effect"
import { maySend } from "../delta/Delta.ts"
import { VARIABLES_KEY } from "../keys/Key.ts"
import { prefixOf } from "../keys/Pattern.ts"
import { samePosition } from "../propagation/Position.ts"
import { Propagation } from "../propagation/Propagation.ts"
import type { Change, Revision } from "../propagation/Revision.ts"
import { Candidates } from "../updates/Candidates.ts"
import type { Mark, ProblemUpdate, ValueUpdate } from "../updates/Update.ts"
import type { KindSource, Named } from "../updates/UpdateSource.ts"
import { delta } from "../values/Diff.ts"
import { Digest } from "../values/Digest.ts"
import { ConfigurationView } from "./ConfigurationView.ts"
import { type Edition, lineOf, makeEditions } from "./Editions.ts"
import { makeRenderer } from "./Renderer.ts"
import { SharedUpdates } from "./SharedUpdates.ts"
import { renderingKey } from "./Template.ts"
import { Templates } from "./Templates.ts"

const KIND = "configuration"
const REMEMBERED = 4_096
/** Keys whose values are asked for together. */
const AHEAD = 32

export const configurationUpdates = Effect.gen(function* () {
  const propagation = yield* Propagation
  const view = yield* ConfigurationView
  const digestOf = yield* Digest
  const read = yield* Templates
  const { inTurn, render: renderWith } = yield* makeRenderer
  const candidates = yield* Candidates
  const editions = makeEditions(view, candidates)
  const shared = new SharedUpdates()
  const revisions = new Map<bigint, Pick<Revision, "epoch" | "traceparent" | "committedAt">>()
  const marks = { sent: new WeakMap<Edition, Mark>(), held: new WeakMap<Edition, Mark>() }
  /** Those that are none of the view's. */
  const editionOf = new WeakMap<ValueUpdate, Edition>()
  let last: { readonly head: Edition; readonly from: string; readonly update: ValueUpdate } | undefined

  const revisionOf = ({ environment, revision, template }: Edition): bigint => {
    const variables = template ? (view.head(environment, VARIABLES_KEY)?.revision ?? 0n) : 0n
    return variables > revision ? variables : revision // U2
  }

  const target: KindSource["target"] = (client, key) => {
    const head = editions.of(client, key)
    return head && revisionOf(head)
  }

  /** The base for a delta; undefined where none is possible. */
  const baseOf = (head: Edition, from: string) =>
    maySend(head) && shared.textOf(head.environment, head.key, from) !== undefined ? from : ""

  /** Editions of one key may be of one revision: that of the variables. */
  const idOf = (head: Edition, revision: bigint, base: string) =>
    `${propagation.position().epoch}\u0000${head.environment}\u0000${head.key}\u0000${lineOf(head)}\u0000${revision}\u0000${propagation.stale()}\u0000${base}`

  /** U1. Remembers the last one, for the next client of the same round mostly asks for it. */
  const known: KindSource["known"] = (client, key, from) => {
    const head = editions.of(client, key)
    if (head === undefined || head.template) return undefined
    if (
      last === undefined ||
      last.head !== head ||
      last.from !== from ||
      last.update.stale !== propagation.stale() ||
      last.update.epoch !== propagation.position().epoch
    ) {
      const update = shared.get(idOf(head, head.revision, baseOf(head, from)))
      if (update === undefined) return undefined
      last = { head, from, update }
    }
    return last.update
  }

  const build: KindSource["build"] = Effect.fnUntraced(function* (client, key, from) {
    const { environment } = client
    const ready = known(client, key, from)
    if (ready !== undefined) return ready
    const head = editions.of(client, key)
    if (head === undefined) return undefined
    const revision = revisionOf(head)
    const { epoch } = propagation.position()
    const stale = propagation.stale()
    const base = baseOf(head, from)
    const id = idOf(head, revision, base)
    const found = yield* editions.read(head)
    if (head.candidate !== undefined && editions.of(client, key) !== head) return yield* build(client, key, from)
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
      committedAt: origin?.committedAt ?? head.since ?? found.updatedAt,
      stale,
      strict: found.strict
    })
    const share = (of: string, make: () => ValueUpdate): ValueUpdate => {
      const update = shared.share(of, lineOf(head), found.template, make)
      if (head.since !== undefined) editionOf.set(update, head)
      return update
    }
    if (!found.template || found.deleted) {
      const former = shared.textOf(environment, key, base)
      const patch = former === undefined ? undefined : delta(former, found.value)
      return share(id, () => updateOf(found.value, found.digest, patch))
    }
    const template = read(found.value, found.valueType)
    const group = `${id}\u0000${digestOf(renderingKey(template, client))}`
    const variables = yield* view.variables(environment)
    const made = yield* inTurn(
      template,
      Effect.gen(function* () {
        const same = shared.get(group) // U4
        if (same !== undefined) return same
        if (target(client, key) !== revision) return "old" // it changed while this waited
        const rendered = yield* renderWith(template, variables, client, found.valueType)
        if (propagation.position().epoch !== epoch) return "old"
        if (Result.isFailure(rendered)) {
          const message = `missing in the template: ${rendered.failure.join(", ")}`
          return { kind: "problem", environment, key, revision, epoch, message } satisfies ProblemUpdate
        }
        const content = rendered.success
        return share(group, () => updateOf(content, digestOf(content), undefined))
      })
    )
    return made === "old" ? yield* build(client, key, from) : made
  })

  /** One object for all clients that are told of the same update. */
  const mark = (update: ValueUpdate): Mark => {
    const { environment, kind, key, version, revision, epoch, traceparent, committedAt, stale } = update
    const head = editionOf.get(update) ?? view.head(environment, key)
    const known = head === undefined ? undefined : marks.sent.get(head)
    if (known?.stale === stale && known.kind === kind && samePosition(known, update)) return known
    const digest = head?.template === true ? "" : update.digest
    const rendered = digest === "" ? { rendered: view.head(environment, VARIABLES_KEY)?.revision ?? 0n } : {}
    const made: Mark = { kind, key, version, revision, epoch, digest, traceparent, committedAt, stale, ...rendered }
    if (head !== undefined) marks.sent.set(head, made)
    return made
  }

  const standing: KindSource["standing"] = (client, key) => {
    const head = editions.of(client, key)
    if (head === undefined) return undefined
    const { version, deleted, template } = head
    const { epoch } = propagation.position()
    const revision = revisionOf(head)
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
    if (prefix !== undefined) return editions.page(environment, prefix, after, limit)
    const is = view.head(environment, pattern) !== undefined || candidates.concerns(KIND, environment, pattern)
    return is && pattern > after ? [{ key: pattern }] : []
  }

  const ahead = (environment: string, pattern: string, after: string): string => {
    const heads = page(environment, pattern, after, AHEAD)
    for (const { key } of heads) view.warm(environment, key)
    return heads.at(-1)?.key ?? after
  }

  const touched = function* (change: Change): Generator<Named, void> {
    const { kind, environment, key } = change
    if (kind !== KIND) {
      for (const one of candidates.touched(KIND, change)) yield { environment, key: one }
      return
    }
    yield { environment, key }
    if (key !== VARIABLES_KEY) return
    for (const slice of view.slices(environment, "*", "template")) yield* slice
    for (const one of candidates.keys(KIND, environment)) yield { environment, key: one } // it may be a template
  }

  return {
    kind: KIND,
    alsoTouchedBy: ["rollout"],
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
