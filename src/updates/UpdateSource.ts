/**
 * Port: what a client should have next. Sessions know keys, marks and updates; what kind of change is behind them, only the sources know
 * (decision 0018).
 *
 *   US1 in Name.ts of the keys
 */
import { Context, type Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Change, Revision } from "../propagation/Revision.ts"
import type { ClientView } from "./Client.ts"
import type { Mark, ProblemUpdate, ValueUpdate } from "./Update.ts"

export interface Named {
  readonly environment: string
  /** As sessions know it. US1 */
  readonly key: string
}

export interface UpdateSourceShape {
  /** The revision of a key that a client should have; undefined for a key that was never there, or is forgotten. */
  readonly target: (client: ClientView, key: string) => bigint | undefined
  /** The mark of what a client should have of a key, one object for all that should have it. Its digest is "" where each gets a text of its own. */
  readonly standing: (client: ClientView, key: string) => Mark | undefined
  /**
   * What to send for the key now, if it has been built already and is the same for all that should have it. `base`: digest of the text that
   * the client can patch, or "".
   */
  readonly known: (client: ClientView, key: string, base: string) => ValueUpdate | undefined
  /** What to send for the key now; undefined when there is nothing to say. Fails `DatabaseUnavailable` or `Timeout` when it can't be read. */
  readonly build: (
    client: ClientView,
    key: string,
    base: string
  ) => Effect.Effect<ValueUpdate | ProblemUpdate | undefined, HeraldError>
  /** The mark of an update that was sent: one object for all clients that were sent the same. */
  readonly mark: (update: ValueUpdate) => Mark
  /**
   * Keys after `after` that a pattern covers, deleted ones included, in order, at most `limit`; fewer than that are the last. Keys that come
   * or change between two pages are told as changes.
   */
  readonly page: (
    environment: string,
    pattern: string,
    after: string,
    limit: number
  ) => ReadonlyArray<{ readonly key: string }>
  /**
   * Begins to read what a client will need of the keys after `after` that a pattern covers, a few of them, and returns the last: so that they
   * are asked for together, and not one when the one before was sent.
   */
  readonly ahead?: ((environment: string, pattern: string, after: string) => string) | undefined
  /** Keys that have to be looked at after a change: its own, and those whose values depend on it. */
  readonly touched: (change: Change) => Iterable<Named>
  /** A revision was applied; updates of it are to carry its trace and its time. */
  readonly remember: (revision: Revision) => void
  /** Whether there is a source of the kind that a pattern begins with. */
  readonly serves: (pattern: string) => boolean
}

/** Keys of a page. */
const PAGE = 256

/** Keys after `after` that a pattern covers, read one page at a time, when the first key of the page is taken. */
export function* keysOf(
  { page }: Pick<UpdateSourceShape, "page">,
  environment: string,
  pattern: string,
  after = ""
): Generator<string, void> {
  for (let last = after; ; ) {
    const keys = page(environment, pattern, last, PAGE)
    for (const { key } of keys) yield key
    if (keys.length < PAGE) return
    last = keys.at(-1)!.key
  }
}

/** What clients get of one kind of change. */
export interface KindSource extends Omit<UpdateSourceShape, "serves"> {
  readonly kind: string
  /** Other kinds, whose changes touch what clients get of this one. */
  readonly alsoTouchedBy?: ReadonlyArray<string>
}

export class UpdateSource extends Context.Service<UpdateSource, UpdateSourceShape>()("herald/updates/UpdateSource") {}
