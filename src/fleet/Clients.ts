/**
 * Lists instances with what each has, and should have, of the keys that it subscribes to. As fresh as the write-behind: about 250 ms.
 *
 *   CL1  A page is bounded in instances, keys of each and bytes; `next` and `nextKey` go on from there. It costs what it shows, however many
 *        keys there are.
 *   CL5  Whoever may touch some keys sees the instances that subscribe to such, and of what these have and ask for that alone.
 *   CL2  A key that was rejected or can't be sent is shown on the first page of its instance, wherever it is in the order.
 *   CL3  Each key is looked at once, however many patterns cover it, and deleted ones in a bounded number; other work gets its turn between
 *        two instances.
 *   CL4  Filters (connected, in trouble, lagging, of a key) are applied here, to a bounded number of instances a page: a page may be short,
 *        or empty, and still have a next one.
 */
import { Context, Effect, Layer } from "effect"
import { aboutName, nameScope, withinNames } from "../access/About.ts"
import { requirePermission } from "../access/Access.ts"
import type { HeraldError } from "../errors/HeraldError.ts"
import { coveredBy, outermost } from "../keys/Pattern.ts"
import { covers, type Position } from "../propagation/Position.ts"
import { anybody, type ClientView } from "../updates/Client.ts"
import type { Mark } from "../updates/Update.ts"
import { keysOf, UpdateSource, type UpdateSourceShape } from "../updates/UpdateSource.ts"
import type { Facts } from "./Facts.ts"
import type { HealthRow, InstanceId, InstanceReport, InstanceRow, KeyFacts } from "./Instance.ts"
import { InstanceStore, type ListCursor, type NodeReport } from "./InstanceStore.ts"

import { type ServiceSummary, type Summary, type SummaryOf, servicesOf } from "./Summary.ts"
import { sizeOfInstance } from "./Unwritten.ts"

/** One key of an instance: what it should have, and what is known of what it has. Undefined: unknown. */
export interface ClientKey extends Facts {
  readonly key: string
  /** Undefined when the key was deleted or never existed. */
  readonly desired: (Position & { readonly version: number }) | undefined
}

export interface Client extends InstanceRow {
  readonly health: HealthRow | undefined
  readonly keys: ReadonlyArray<ClientKey>
  /** The key after which the next page of this instance begins; undefined when all of them are here. */
  readonly nextKey: string | undefined
  /** Keys that were rejected or can't be sent, whether on this page or not; counted up to 1,000. */
  readonly troubled: number
}

export interface ClientsOptions {
  /** Undefined: every environment; needs the permission in all of them. */
  readonly environment?: string | undefined
  readonly service?: string | undefined
  readonly instance?: string | undefined
  readonly after?: ListCursor | undefined
  /** Instances of the page, at most. */
  readonly limit: number
  /** Keys of each instance, at most; 100 when left out. */
  readonly keys?: number | undefined
  readonly afterKey?: string | undefined
  /** Only those that are connected, or only those that are not. */
  readonly connected?: boolean | undefined
  /** Only those with a key that was rejected or can't be sent. */
  readonly troubled?: boolean | undefined
  /** Only connected ones that have not applied the newest of some key, among the keys on the page. */
  readonly lagging?: boolean | undefined
  /** Only those that subscribe to this key; of their keys, only this one. */
  readonly key?: string | undefined
}

export interface SummaryOptions extends SummaryOf {
  /** Undefined: every environment; needs the permission in all of them. */
  readonly environment?: string | undefined
  readonly service?: string | undefined
  readonly after?: InstanceId | undefined
}

export interface ClientsPage {
  readonly clients: ReadonlyArray<Client>
  /** The instance after which the next page begins. */
  readonly next: ListCursor | undefined
}

/** Bytes of a page, about. CL1 */
const PAGE = 4 * 1024 * 1024
/** Instances that are read at once. */
const TOGETHER = 20
/** Instances that one page looks at. CL4 */
const SEEN = 2_000
/** Instances that one page of a summary counts: with all that is known of their keys, or of one key. */
const COUNTED = 1_000
const COUNTED_OF_KEY = 10_000
const KEYS = 100

const sizeOf = ({ keys, health, ...client }: Client): number =>
  sizeOfInstance(client) +
  keys.reduce(
    (sum, { key, rejected, problem }) =>
      sum + 400 + key.length + (rejected?.reason.length ?? 0) + (problem?.reason.length ?? 0),
    0
  ) +
  (health === undefined ? 0 : 200 + health.message.length + 40 * Object.keys(health.metrics).length)

export class Clients extends Context.Service<
  Clients,
  {
    /** Requires clients.read. Fails `Forbidden`, `InvalidInput`, `DatabaseUnavailable` or `Timeout`. */
    readonly list: (options: ClientsOptions) => Effect.Effect<ClientsPage, HeraldError>
    /** Nodes of the last day. Requires clients.read everywhere. */
    readonly nodes: () => Effect.Effect<ReadonlyArray<NodeReport>, HeraldError>
    /** How many clients have which version of each key, one page of instances at a time. Requires clients.read. Fails as `list` does. */
    readonly summary: (options: SummaryOptions) => Effect.Effect<Summary, HeraldError>
  }
>()("herald/fleet/Clients") {
  static readonly layer = Layer.effect(
    Clients,
    Effect.gen(function* () {
      const store = yield* InstanceStore
      const source = yield* UpdateSource
      return Clients.of({
        list: Effect.fn("Clients.list")(function* ({ limit, keys = KEYS, afterKey = "", lagging = false, ...wished }) {
          const scope = yield* scopeFor(wished.environment, wished.key)
          const asked = lagging ? { ...wished, connected: true, scope } : { ...wished, scope }
          const clients: Array<Client> = []
          let [bytes, after, more, seen] = [0, asked.after, true, 0]
          while (more && bytes < PAGE && clients.length < limit && seen < SEEN) {
            const some = lagging ? TOGETHER : Math.min(TOGETHER, limit - clients.length)
            const reports = yield* store.list({ ...asked, after, limit: some + 1, keys, afterKey })
            more = reports.length > some
            for (const whole of reports.slice(0, some)) {
              if (bytes >= PAGE || clients.length >= limit) {
                more = true
                break
              }
              const report = { ...whole, patterns: withinNames(scope, whole.patterns) }
              seen++
              after = cursorOf(report)
              if (scope !== undefined && report.patterns.length === 0) continue // CL5
              const client = clientOf(source, report, keys, afterKey, asked.key)
              yield* Effect.yieldNow // CL3
              if (lagging && !client.keys.some(isBehind)) continue // CL4
              clients.push(client)
              bytes += sizeOf(client)
            }
          }
          return { clients, next: more ? after : undefined }
        }),
        nodes: Effect.fn("Clients.nodes")(function* () {
          yield* requirePermission("clients.read", undefined)
          return yield* store.nodes
        }),
        summary: Effect.fn("Clients.summary")(function* ({ environment, service, key, wanted, after }) {
          const some = key === undefined ? undefined : aboutName(key)
          yield* requirePermission("clients.read", environment, some)
          const limit = key === undefined ? COUNTED : COUNTED_OF_KEY
          const counted = yield* store.count({ environment, service, key, after, limit })
          const covered = (of: string, patterns: ReadonlyArray<string>, most: number) => {
            const keys: Array<string> = []
            let looked = 0
            for (const mark of marksOf(source, anybody(of), outermost(patterns), "")) {
              if (++looked > LOOKED) return { keys, more: true } // CL3
              if (mark.kind === "value" && keys.push(mark.key) > most) break
            }
            return { keys, more: false }
          }
          const services: Array<ServiceSummary> = []
          for (const one of servicesOf(counted, source.standing, covered, { key, wanted })) {
            services.push(one)
            yield* Effect.yieldNow // SU3
          }
          return { services, next: counted.next }
        })
      })
    })
  )
}

/** What the caller may see of clients; undefined: everything. Fails `Forbidden`. CL5 */
const scopeFor = Effect.fnUntraced(function* (environment: string | undefined, key: string | undefined) {
  const on = key === undefined ? "some" : aboutName(key)
  return nameScope(yield* requirePermission("clients.read", environment, on))
})

const clientOf = (
  source: UpdateSourceShape,
  { keys: known, ...row }: InstanceReport,
  most: number,
  afterKey: string,
  only: string | undefined
): Client => {
  const patterns = only === undefined ? row.patterns : [only]
  const facts = new Map(known.map((one) => [one.key, one]))
  const first = known.slice(0, most)
  const ends = first.length === most ? [first.at(-1)!.key] : []
  const newest = new Map<string, Mark>()
  let looked = 0
  for (const mark of marksOf(source, row, outermost(patterns), afterKey)) {
    if (mark.kind === "value" || facts.has(mark.key)) newest.set(mark.key, mark)
    if (newest.size < most && ++looked < LOOKED) continue
    ends.push(mark.key) // CL3
    break
  }
  // Each list is complete up to where it was cut: what is below the first cut is in order and without a gap.
  const end = ends.reduce<string | undefined>(
    (least, key) => (least === undefined || key < least ? key : least),
    undefined
  )
  const covered = new Set([...newest.keys(), ...first.map(({ key }) => key).filter((key) => coveredBy(patterns, key))])
  const all = [...covered].filter((key) => end === undefined || key <= end).sort()
  const page = all.slice(0, most)
  const nextKey = all.length > most ? page.at(-1) : end
  const troubled = known.filter(
    ({ key, rejected, problem }) =>
      afterKey === "" &&
      (rejected ?? problem) !== undefined &&
      nextKey !== undefined &&
      key > nextKey &&
      coveredBy(patterns, key)
  )
  const keyOf = (key: string, of: KeyFacts | undefined): ClientKey => {
    const mark = newest.get(key) ?? source.standing(row, key)
    const desired =
      mark?.kind === "value" ? { version: mark.version, revision: mark.revision, epoch: mark.epoch } : undefined
    const { sent, applied, rejected, problem } = of ?? {}
    return { key, desired, sent, applied, rejected, problem }
  }
  return {
    ...row,
    nextKey,
    keys: [...page.map((key) => keyOf(key, facts.get(key))), ...troubled.map((one) => keyOf(one.key, one))] // CL2
  }
}

/** It has not applied the newest, or what it applied is of a history that was lost. */
const isBehind = ({ desired, applied }: ClientKey): boolean =>
  desired !== undefined && (applied === undefined || !covers(applied, desired))

const cursorOf = ({ environment, service, instance, state }: InstanceRow): ListCursor => ({
  environment,
  service,
  instance,
  connected: state === "connected"
})

/** Keys that are looked at for one instance: there may be many tombstones. CL3 */
const LOOKED = 10_000
/** What a client should have of each key that the patterns cover, deleted ones included, in the order of the keys. */
function* marksOf(
  source: UpdateSourceShape,
  client: ClientView,
  patterns: ReadonlyArray<string>,
  afterKey: string
): Generator<Mark, void> {
  for (const pattern of patterns)
    for (const key of keysOf(source, client.environment, pattern, afterKey)) {
      const mark = source.standing(client, key)
      if (mark !== undefined) yield mark
    }
}
