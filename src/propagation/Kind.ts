/**
 * Reads and writes changes of each kind (decision 0018): what log and lanes must know of a kind, and no more. Pure.
 *
 *   KI1  A change that names no kind is of the first one: log and lanes were begun with that alone. Only the others are written with theirs.
 *   KI2  A change of a kind that this node does not know is passed on by what it is of, so that the log is followed nonetheless.
 *   KI3  What comes over a lane and is no change, or none of its kind, is refused.
 *   KI4  A change of every kind is told to other systems, under the word of its kind: events, webhooks, feeds and Redis ask for nothing else.
 */
import { aboutOf } from "../access/About.ts"
import type { About } from "../access/Decision.ts"
import type { Change, Revision } from "./Revision.ts"

export interface Kind<C extends Change = Change> {
  readonly name: C["kind"]
  /** About how many bytes of memory a change takes, for bounds. */
  bytes(change: C): number
  /** From parsed JSON of the log. It is not checked, as a node wrote it. */
  fromLog(stored: object): C
  /** As a lane carries it: becomes JSON. */
  toLane(change: C): object
  /** From parsed JSON of a lane. It is checked, as anybody may have sent it: undefined when it is no change of this kind. */
  fromLane(said: object): C | undefined
  /** What the kind is called in other systems: `<word>_update` (or what happened, `Told.event`), `<word>.updated`, `<word>:updates:{key}`. Lower case; never changed. KI4 */
  readonly word: string
  told(change: C): Told
  /**
   * What somebody may have to touch to hear of a change, each of it; undefined in it: everything. Left out: the key of the change where rights know
   * the kind, and else everything.
   */
  touches?(change: C): ReadonlyArray<About | undefined>
}

/** What other systems are told of a change. Nothing that is secret: whoever may read in Redis or follow a feed sees all of it. */
export interface Told {
  /** The service that it is for; "" when it is for none. */
  readonly service: string
  /** From 1; each greater than the one before, which has the number below it unless that was a candidate of a rollout. */
  readonly version: number
  readonly deleted: boolean
  /** As it was written; null when it is deleted, or nobody else is told it. Never in the event log: only its digest is. */
  readonly value: string | null
  /** How the text is to be read, a name of `values/ValueType.ts`. */
  readonly valueType: string
  /** SHA-256 (hex) of the value; "" where there is none. */
  readonly digest: string
  /** What became of it, in place of `update`. Left out: it has another version. */
  readonly event?: Happened
  /** Keys that it is about besides its own: whoever wants to hear of these hears of it. A hundred at most. */
  readonly about?: ReadonlyArray<string>
  /** What the event log says of it besides, in which the value is not: some KiB of JSON at most. */
  readonly detail?: object
}

/** What a change may be told as, after the word of its kind: `<word>_update`, `<word>_started`. Names are added at the end, and never go. */
export const happenings = [
  "update",
  "started",
  "stage",
  "resumed",
  "paused",
  "promoted",
  "rolled_back",
  "aborted",
  "completed",
  "requested",
  "approved",
  "applied",
  "rejected",
  "withdrawn",
  "break_glass",
  "reviewed"
] as const
export type Happened = (typeof happenings)[number]

/** About how many bytes of memory a revision or a change takes besides its texts. */
export const OVERHEAD = 500

export interface KindsShape {
  /** Of all kinds, the first one first. */
  readonly names: ReadonlyArray<string>
  /** Bytes of memory, about. */
  readonly bytesOf: (revision: Revision) => number
  readonly fromLog: (stored: object) => Change
  readonly toLane: (change: Change) => object
  readonly fromLane: (said: unknown) => Change | undefined
  /** Undefined: this node does not know the kind. KI2 */
  readonly told: (change: Change) => (Told & { readonly word: string }) | undefined
  /** What a change is about: whoever may touch all of it may hear of it. */
  readonly touches: (change: Change) => ReadonlyArray<About | undefined>
  /** The name of a change where names of all kinds are told apart; of the first kind as it always was. Of audit entries, too. */
  readonly nameOf: (change: Change) => string
}

export const makeKinds = (first: Kind, ...others: ReadonlyArray<Kind>): KindsShape => {
  const kinds = new Map([first, ...others].map((kind) => [kind.name, kind]))

  const bytesOf = ({ changes, message }: Revision): number => {
    let bytes = OVERHEAD + 2 * message.length
    for (const change of changes) bytes += kinds.get(change.kind)?.bytes(change) ?? OVERHEAD
    return bytes
  }

  /** KI1 */
  const named = (stored: object): string => ("kind" in stored ? String(stored.kind) : first.name)

  return {
    names: [...kinds.keys()],
    bytesOf,
    fromLog: (stored) => kinds.get(named(stored))?.fromLog(stored) ?? strange(stored as Change),
    toLane: (change) => {
      const said = kinds.get(change.kind)?.toLane(change) ?? strange(change)
      return change.kind === first.name ? said : { ...said, kind: change.kind }
    },
    fromLane: (said) => {
      if (typeof said !== "object" || said === null) return undefined // KI3
      const kind = kinds.get(named(said))
      if (kind !== undefined) return kind.fromLane(said)
      return isChange(said) ? strange(said) : undefined
    },
    told: (change) => {
      const kind = kinds.get(change.kind)
      return kind && { word: kind.word, ...kind.told(change) }
    },
    touches: (change) => kinds.get(change.kind)?.touches?.(change) ?? [aboutOf(change.kind, change.key)],
    nameOf: ({ kind, environment, key }) => `${kind === first.name ? "" : `@${kind}/`}${environment}/${key}`
  }
}

/** KI2 */
const strange = ({ kind, environment, key }: Change): Change => ({ kind, environment, key })

const isChange = (said: object): said is Change =>
  (["kind", "environment", "key"] as const).every((name) => name in said && typeof (said as Change)[name] === "string")
