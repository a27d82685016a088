/** A change request with what only those need who act on it. Pure. */
import type { ChangeRequest, Touch } from "./ChangeRequest.ts"

/** Whose approval it has, with what only those need who count it. */
export interface Approver {
  /** The principal. */
  readonly name: string
  /** Public id of the API key; undefined: it had none. */
  readonly keyId: string | undefined
  /** Of the digest that is the request's. */
  readonly holds: boolean
  /** Milliseconds since 1970; null: as long as the API key may. */
  readonly until: number | null
}

/** A request with what only those need who act on it. */
export interface Held {
  readonly request: ChangeRequest
  /** Of the author's API key; undefined: it had none. */
  readonly keyId: string | undefined
  /** What is asked for, as JSON. */
  readonly body: string
  readonly approvers: ReadonlyArray<Approver>
  /** JSON of each touched thing that was there, by "<kind>/<key>". */
  readonly before: Readonly<Record<string, string>>
  /** Of a review, what was done in its commit; of what waits, nothing. AQ18 */
  readonly done: ReadonlyArray<Done>
}

/** Each as JSON; `before` null: it was not there, or is no longer kept. */
export interface Done extends Touch {
  readonly before: string | null
  /** Of a rollout's candidate, its wish. */
  readonly after: string
}
