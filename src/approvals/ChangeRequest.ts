/**
 * A commit that waits for a second person (decision 0041), as it is stored and told, and how the log and the lanes have it. Pure.
 *
 *   AQ1  What is protected is changed by a commit that was approved, and by no other: decided under the lock of the commits, of its own changes.
 *   AQ2  What is approved is a digest: of the environment, each change with its value, the plan of a rollout, and where each key was. Another
 *        digest is another request; a request is never changed.
 *   AQ3  Nobody approves their own. All keys of a principal are one person, and so are those of several with which somebody can act (AQ10).
 *   AQ4  A base that was changed voids what was approved, for good: of what it changes, and of what that stands on, however far.
 *   AQ5  It is applied once or never, by rights of that moment: the author's, and those of everyone whose approval counts.
 *   AQ6  The way back never waits: whoever may pauses a rollout and takes it back, and so does its owner. What a server does by a plan or at a time
 *        counts for as many approvals, of as many of those roles, as the plan or the schedule had.
 *   AQ8  Whoever breaks the glass may, says why, and leaves a review that somebody else closes.
 *   AQ9  An environment has at most `CHANGES` open with `CHANGES_BYTES`, a principal `CHANGES_EACH`, a request `APPROVALS`, and it has
 *        at most `REVIEWS` that nobody has closed: then the glass breaks no more.
 *   AQ16 Who asks for the same again, while it waits and stands on what it stood on, is told of the request that there is.
 *   AQ13 What one may not see is not there: a request is for whoever may read each key of it, with its kind, and of a protection one is told what is one's own.
 *   AQ18 Whoever reviews a broken glass is shown what was done beside what was there, as an approver would have been.
 *   AQ19 What is only tried (a dry run, can-i) says who would have to approve it, as the commit would.
 *   AQ20 What was void says why also when it is rejected or withdrawn.
 *   AQ12 Where a change request is asked for of what can't wait, at whatever door, nothing is done.
 */
import type { About } from "../access/Decision.ts"
import { type Kind as KeyKind, kinds } from "../access/Identity.ts"
import type { Action, Wish } from "../commits/Release.ts"
import { EVERY_KEY } from "../keys/Pattern.ts"
import { type Happened, type Kind, OVERHEAD } from "../propagation/Kind.ts"
import type { Change } from "../propagation/Revision.ts"

/** Open requests of one environment. */
export const CHANGES = 500
/** Open requests of one principal. */
export const CHANGES_EACH = 100
/** Bytes of all that are open in one environment. */
export const CHANGES_BYTES = 67_108_864
/** Bytes of one. */
export const CHANGE_BYTES = 8_388_608
/** Things that the changes of one stand on. */
export const STANDS = 1_000
/** Of one request. */
export const APPROVALS = 20
/** Open reviews of broken glass of one environment. */
export const REVIEWS = 500
/** Characters of why. */
export const REASON = 500

/** expired, void: what has become of an open one. review, reviewed: of what was done without. */
export const states = [
  ...(["open", "approved", "applied", "rejected", "withdrawn", "expired", "void"] as const),
  ...(["review", "reviewed"] as const)
] as const
export type State = (typeof states)[number]

/** What one change is of. */
export interface Touch {
  /** A kind of change. */
  readonly kind: string
  readonly key: string
}

/** What rights it is about: a key of a kind that rights are given for, or "*": all of it; of the kind "*": everything. */
export interface TouchRight {
  readonly kind: string
  readonly key: string
}
export const EVERYTHING: TouchRight = { kind: EVERY_KEY, key: EVERY_KEY }

/** What somebody has to be allowed to touch, all of it, to see the request, to approve it or to do it; undefined: everything. */
export const aboutsOf = ({
  rights
}: {
  readonly rights: ReadonlyArray<TouchRight>
}): ReadonlyArray<About | undefined> =>
  rights.map(({ kind, key }) => (kinds.includes(kind as KeyKind) ? { kind: kind as KeyKind, key } : undefined))

/** Where it was, in the epoch of the request; "0": nowhere. */
export interface Base extends Touch {
  readonly revision: string
}

export interface Approval {
  /** A principal. */
  readonly by: string
  /** Milliseconds since 1970. */
  readonly at: number
}

export interface ChangeRequest extends Change {
  readonly kind: "approval"
  /** Of its newest change. */
  readonly revision: bigint
  readonly version: number
  readonly state: State
  /** A principal. */
  readonly author: string
  readonly action: Action
  readonly touches: ReadonlyArray<Touch>
  readonly rights: ReadonlyArray<TouchRight>
  /** SHA-256 (hex) of what is asked for; "" of a review. */
  readonly digest: string
  readonly bytes: number
  /** Approvals that were needed when it was asked for. */
  readonly needed: number
  readonly approvals: ReadonlyArray<Approval>
  /** Milliseconds since 1970 by the clock of the database, as are the other times. */
  readonly madeAt: number
  /** null of a review. */
  readonly expiresAt: number | null
  readonly message: string
  readonly endedAt: number | null
  readonly endedBy: string
  readonly reason: string
  /** The revision that did it; null: none has. */
  readonly applied: string | null
}

interface OnOne extends Wish<ChangeRequest> {
  readonly kind: "approval"
}
export interface OpenWish extends OnOne {
  readonly op: "open"
  readonly action: Action
  readonly touches: ReadonlyArray<Touch>
  readonly rights: ReadonlyArray<TouchRight>
  readonly epoch: string
  /** Of the touches, and behind them of what these stand on. */
  readonly bases: ReadonlyArray<Base>
  readonly body: string
  readonly digest: string
  readonly bytes: number
  readonly needed: number
  readonly lasts: number
}
export interface ApproveWish extends OnOne {
  readonly op: "approve"
  readonly digest: string
  readonly role: string
  /** Milliseconds since 1970; null: as long as the API key may. */
  readonly until: number | null
}
export interface ApplyWish extends OnOne {
  readonly op: "apply"
  readonly digest: string
  /** Who applies it. */
  readonly by: string
  /** Principals whose rights were looked at just now. */
  readonly approvers: ReadonlyArray<string>
}
export interface EndWish extends OnOne {
  readonly op: "reject" | "withdraw" | "review"
  readonly reason: string
}
export interface GlassWish extends OnOne {
  readonly op: "glass"
  readonly touches: ReadonlyArray<Touch>
  readonly rights: ReadonlyArray<TouchRight>
  readonly reason: string
}
export type ApprovalWish = OpenWish | ApproveWish | ApplyWish | EndWish | GlassWish

export type ChangeRow = Omit<ChangeRequest, "kind" | "revision"> & { readonly revision: string }

export const asChangeRequest = (row: ChangeRow): ChangeRequest => ({
  kind: "approval",
  environment: row.environment,
  key: row.key,
  revision: BigInt(row.revision),
  version: row.version,
  state: row.state,
  author: row.author,
  action: row.action,
  touches: row.touches.map(({ kind, key }) => ({ kind, key })),
  rights: row.rights.map(({ kind, key }) => ({ kind, key })),
  digest: row.digest,
  bytes: row.bytes,
  needed: row.needed,
  approvals: row.approvals.map(({ by, at }) => ({ by, at })),
  madeAt: row.madeAt,
  expiresAt: row.expiresAt,
  message: row.message,
  endedAt: row.endedAt,
  endedBy: row.endedBy,
  reason: row.reason,
  applied: row.applied
})

const texts = ["environment", "key", "author", "action", "digest", "message", "endedBy", "reason"] as const
const numbers = ["version", "bytes", "needed", "madeAt"] as const
const isTouch = (said: Partial<Touch> | null): boolean => typeof said?.kind === "string" && typeof said.key === "string"
const isApproval = (said: Partial<Approval> | null): boolean => typeof said?.by === "string" && Number.isFinite(said.at)
const isTime = (said: unknown): boolean => said === null || Number.isFinite(said)

/** Anybody may have sent it. */
const isRow = (said: Partial<Record<keyof ChangeRow, unknown>>): said is ChangeRow =>
  texts.every((name) => typeof said[name] === "string") &&
  numbers.every((name) => Number.isFinite(said[name])) &&
  states.includes(said.state as State) &&
  isTime(said.expiresAt) &&
  isTime(said.endedAt) &&
  (said.applied === null || /^\d{1,19}$/.test(String(said.applied))) &&
  Array.isArray(said.touches) &&
  said.touches.every(isTouch) &&
  Array.isArray(said.rights) &&
  said.rights.every(isTouch) &&
  Array.isArray(said.approvals) &&
  said.approvals.every(isApproval) &&
  /^\d{1,19}$/.test(String(said.revision))

/** About how many bytes of memory it takes. */
export const changeBytes = ({ message, reason, touches, rights, approvals }: ChangeRequest): number =>
  OVERHEAD +
  2 * (message.length + reason.length) +
  [...touches, ...rights].reduce((sum, { key }) => sum + 100 + 2 * key.length, 0) +
  approvals.reduce((sum, { by }) => sum + 100 + 2 * by.length, 0)

const happened: Partial<Record<State, Happened>> = {
  open: "requested",
  approved: "approved",
  applied: "applied",
  rejected: "rejected",
  withdrawn: "withdrawn",
  review: "break_glass",
  reviewed: "reviewed"
}

export const approvalKind: Kind<ChangeRequest> = {
  name: "approval",
  bytes: changeBytes,
  fromLog: (stored) => asChangeRequest(stored as ChangeRow),
  toLane: ({ kind: _, revision, ...rest }) => ({ ...rest, revision: String(revision) }),
  fromLane: (said) => (isRow(said) ? asChangeRequest(said) : undefined),
  word: "access",
  touches: aboutsOf,
  told: ({ version, state, author, action, touches, needed, approvals, digest, endedBy, reason }) => ({
    service: "",
    version,
    deleted: false,
    value: null,
    valueType: "json",
    digest,
    event: state === "open" && approvals.length > 0 ? "approved" : (happened[state] ?? "update"),
    about: touches.slice(0, 100).map(({ key }) => key),
    detail: { state, author, action, needed, approvals: approvals.map(({ by }) => by), endedBy, reason }
  })
}

/** As stores give them. */
export const isChangeId = (key: string): boolean => /^c\d{1,18}$/.test(key)
