/** Describes a release that waits for its commit. */
import type { Deferred, Tracer } from "effect"
import type { Committed, Release } from "../../../src/commits/Release.ts"
import type { HeraldError } from "../../../src/errors/HeraldError.ts"
import type { Position } from "../../../src/propagation/Position.ts"
import { encode, encodePlain } from "./WriterMessages.ts"

/** Nanoseconds that an answer which is under way, or was lost, is waited for after the deadline. */
export const GRACE = 1_000_000_000n

export class Waiting {
  readonly release: Release
  /** The newest commit that was known when the release came. */
  readonly known: Position | undefined
  readonly span: Tracer.AnySpan | undefined
  readonly done: Deferred.Deferred<Committed, HeraldError>
  /** Nanoseconds of the monotonic clock. */
  readonly until: bigint
  /** When its publisher waits no longer, for whatever answer. */
  readonly gives: bigint
  /** For `herald_publish`, without its opening brace; undefined for what that can't commit. */
  readonly plain: string | undefined
  /** It was given to a connection. */
  sent = false
  /** Its answer was lost, so it may be committed. X1 */
  lost = false
  /** Nobody waits for it any more. */
  left = false
  readonly #made: string
  #json: string | undefined

  /** `made`: a name for it that nothing else has. */
  constructor(release: Release, made: string, about: Pick<Waiting, "known" | "span" | "done" | "until" | "gives">) {
    this.release = release
    this.#made = made
    this.known = about.known
    this.span = about.span
    this.done = about.done
    this.until = about.until
    this.gives = about.gives
    this.plain = encodePlain(release, made)
    if (this.plain === undefined) this.#json = encode(release, made)
  }

  /** For `herald_commit`, without its opening brace. */
  get json(): string {
    return (this.#json ??= encode(this.release, this.#made))
  }

  /** Characters that it is sent as. */
  get characters(): number {
    return (this.plain ?? this.json).length
  }
}

/** Until when it may be sent: its deadline, or a little longer to ask what became of it. */
export const endOf = ({ until, lost }: Pick<Waiting, "until" | "lost">): bigint => (lost ? until + GRACE : until)
