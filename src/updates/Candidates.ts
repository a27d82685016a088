/**
 * Port: where a rollout is under way, which clients have its candidate. The kinds' own sources ask it; what a rollout is, they do not know
 * (decision 0028).
 *
 *   CQ1  What it says follows from the log alone: asked again at the same position it says the same, on every node.
 *   CQ2  No key that no rollout is of costs more than one look into a map.
 */
import { Context, Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Change } from "../propagation/Revision.ts"
import type { ClientView } from "./Client.ts"

/** A version that is not current. */
export interface Candidate {
  /** The rollout that it is of, as the port's `wish` takes it. */
  readonly rollout: string
  readonly version: number
  /** That the client came in with, from 0. */
  readonly stage: number
  /** Of the transition by which this client came to have it: with the epoch its position. The same object for all that came in with it. */
  readonly revision: bigint
  /** Milliseconds since 1970. */
  readonly committedAt: number
  /** SHA-256 (hex) as it was written. */
  readonly digest: string
  readonly strict: boolean
  readonly template: boolean
}

/** A candidate that was taken back: since `revision` this client is to have what is current. */
export interface TakenBack {
  readonly revision: bigint
  readonly committedAt: number
}

export interface CandidatesShape {
  /** Whether a rollout has to do with the key at all. CQ2 */
  readonly concerns: (kind: string, environment: string, key: string) => boolean
  /** What the client is to have of the key; undefined: what is current, as ever. */
  readonly of: (kind: string, client: ClientView, key: string) => Candidate | TakenBack | undefined
  /** The candidate's wish, as JSON. Undefined: it is no more. Fails `DatabaseUnavailable`, `Timeout`. */
  readonly wish: (
    kind: string,
    environment: string,
    key: string,
    rollout: string
  ) => Effect.Effect<string | undefined, HeraldError>
  /** Whether rollouts have to do with any of its keys. CQ2 */
  readonly concernsAny: (kind: string, environment: string) => boolean
  /** Keys that have candidates, in order; one array until others have. */
  readonly keys: (kind: string, environment: string) => ReadonlyArray<string>
  /** Keys of a kind that a change of a rollout is of; none for any other change. */
  readonly touched: (kind: string, change: Change) => ReadonlyArray<string>
}

const NONE: ReadonlyArray<string> = []
const none: CandidatesShape = {
  concerns: () => false,
  concernsAny: () => false,
  of: () => undefined,
  wish: () => Effect.undefined,
  keys: () => NONE,
  touched: () => NONE
}

export const isCandidate = (found: Candidate | TakenBack | undefined): found is Candidate =>
  found !== undefined && "rollout" in found

/** Without rollouts there are none. */
export const Candidates = Context.Reference<CandidatesShape>("herald/updates/Candidates", { defaultValue: () => none })
