/**
 * Builds what a client is told of a key, and shares it between all clients that get the same.
 *
 *   U1  Clients that get the same bytes get the same object.
 *   U2  An update carries the position of the change that made it: of the key, or of the variables that its template uses.
 *   U3  Updates of each key's newest revision are kept, within `BUDGET` characters; anything forgotten is built again.
 */
import { Context, Effect, Layer } from "effect"
import { type Head, VARIABLES_KEY } from "../configuration/Configuration.ts"
import { delta } from "../configuration/Diff.ts"
import { Digest } from "../configuration/Digest.ts"
import type { ClientView } from "../configuration/Rendering.ts"
import { render } from "../configuration/Template.ts"
import type { HeraldError } from "../errors/HeraldError.ts"
import { Propagation } from "../propagation/Propagation.ts"
import type { Revision } from "../propagation/Revision.ts"
import type { ProblemUpdate, ValueUpdate } from "./Update.ts"

export class Updates extends Context.Service<
  Updates,
  {
    /** The revision that the client should have of a key (U2); undefined for a key that never existed. */
    readonly target: (environment: string, key: string) => bigint | undefined
    /** What to send for the key now, if it was built before; templates never are. */
    readonly known: (environment: string, key: string, held: ValueUpdate | undefined) => ValueUpdate | undefined
    /** What to send for the key now. `held`: digest and text that the client can patch. */
    readonly build: (
      client: ClientView,
      key: string,
      held: ValueUpdate | undefined
    ) => Effect.Effect<ValueUpdate | ProblemUpdate | undefined, HeraldError>
    /** Remembers who published a revision, so that its updates carry trace and commit time. */
    readonly remember: (revision: Revision) => void
  }
>()("herald/sessions/Updates") {
  static readonly layer = Layer.effect(
    Updates,
    Effect.suspend(() => make())
  )
}

/** Characters of content. */
const BUDGET = 32 * 1024 * 1024
const REMEMBERED = 4_096

const make = Effect.fnUntraced(function* () {
  const propagation = yield* Propagation
  const digestOf = yield* Digest
  const shared = new Map<string, { readonly update: ValueUpdate; readonly key: string }>()
  /** U3: what is kept of each key. An older revision is never asked for again. */
  const ofKeys = new Map<string, { readonly revision: string; readonly ids: Set<string> }>()
  const revisions = new Map<bigint, Pick<Revision, "epoch" | "traceparent" | "committedAt">>()
  let size = 0
  let last: { readonly head: Head; readonly base: string; readonly update: ValueUpdate } | undefined

  const forget = (id: string) => {
    const { update, key } = shared.get(id)!
    const mine = ofKeys.get(key)!
    shared.delete(id)
    size -= update.content.length + 256
    mine.ids.delete(id)
    if (mine.ids.size === 0) ofKeys.delete(key)
  }

  const share = (id: string, build: () => ValueUpdate): ValueUpdate => {
    const known = shared.get(id)
    if (known !== undefined) return known.update
    const update = build()
    const key = `${update.environment}\u0000${update.key}`
    const revision = `${update.epoch}\u0000${update.revision}`
    if (ofKeys.get(key)?.revision !== revision) for (const old of ofKeys.get(key)?.ids ?? []) forget(old) // U3
    const mine = ofKeys.get(key) ?? { revision, ids: new Set() }
    ofKeys.set(key, mine)
    mine.ids.add(id)
    shared.set(id, { update, key })
    size += update.content.length + 256
    for (const oldest of shared.keys()) {
      if (size <= BUDGET || oldest === id) break // U3
      forget(oldest)
    }
    return update
  }

  const target = (environment: string, key: string) => {
    const head = propagation.head(environment, key)
    if (head === undefined || !head.template) return head?.revision
    const variables = propagation.head(environment, VARIABLES_KEY)?.revision ?? 0n
    return variables > head.revision ? variables : head.revision // U2
  }

  /** The delta's base, where a delta is possible. */
  const baseOf = (head: Head, held: ValueUpdate | undefined) =>
    held !== undefined && !head.deleted && !head.template ? held.digest : ""

  const idOf = (environment: string, key: string, revision: bigint, base: string) =>
    `${propagation.position().epoch}\u0000${environment}\u0000${key}\u0000${revision}\u0000${propagation.stale()}\u0000${base}`

  /** U1; the last one found answers for the next client of the same round without a look-up. */
  const known = (environment: string, key: string, held: ValueUpdate | undefined) => {
    const head = propagation.head(environment, key)
    if (head === undefined || head.template) return undefined
    const base = baseOf(head, held)
    if (
      last === undefined ||
      last.head !== head ||
      last.base !== base ||
      last.update.stale !== propagation.stale() ||
      last.update.epoch !== propagation.position().epoch
    ) {
      const found = shared.get(idOf(environment, key, head.revision, base))
      if (found === undefined) return undefined
      last = { head, base, update: found.update }
    }
    return last.update
  }

  const build = Effect.fnUntraced(function* (client: ClientView, key: string, held: ValueUpdate | undefined) {
    const { environment } = client
    const ready = known(environment, key, held)
    if (ready !== undefined) return ready
    const head = propagation.head(environment, key)
    const revision = target(environment, key)
    if (head === undefined || revision === undefined) return undefined
    const { epoch } = propagation.position()
    const stale = propagation.stale()
    const base = baseOf(head, held)
    const id = idOf(environment, key, revision, base)
    const found = yield* propagation.value(environment, key)
    if (found === undefined) return undefined
    let content = found.value
    let digest = found.digest
    if (found.template && !found.deleted) {
      const rendered = render(found.value, yield* propagation.variables(environment), client, found.valueType)
      if (rendered._tag === "Failure") {
        const message = `missing in the template: ${rendered.failure.join(", ")}`
        return { kind: "problem", environment, key, revision, epoch, message } satisfies ProblemUpdate
      }
      content = rendered.success
      digest = digestOf(content)
    }
    const patch = base === "" || held === undefined ? undefined : delta(held.content, content)
    const remembered = revisions.get(revision)
    const origin = remembered?.epoch === epoch ? remembered : undefined
    return share(found.template ? `${id}\u0000${digest}` : id, () => ({
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
    }))
  })

  const remember = (revision: Revision) => {
    revisions.set(revision.revision, {
      epoch: revision.epoch,
      traceparent: revision.traceparent,
      committedAt: revision.committedAt
    })
    if (revisions.size > REMEMBERED) revisions.delete(revisions.keys().next().value as bigint)
  }

  return Updates.of({ target, known, build, remember })
})
