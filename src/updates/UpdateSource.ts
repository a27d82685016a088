/**
 * Port: what a client should have next. Sessions know keys, marks and updates; what they are of, its sources know (decision 0018).
 *
 *   US1  A session knows a key of the first kind by itself, and one of any other as `@<kind>/<key>`, which is no key: a session's sets,
 *        marks, interest and books go by one text, and no two kinds meet in it.
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
  /** The revision that a client should have of a key; undefined for one that was never there, or is forgotten. */
  readonly target: (environment: string, key: string) => bigint | undefined
  /** What to remember of a client that has the newest of a key: one object for all. Its digest is "" where each client has its own text. */
  readonly standing: (environment: string, key: string) => Mark | undefined
  /** What to send for the key now, if it was built before and is the same for all. `base`: digest of the text that the client can patch, or "". */
  readonly known: (environment: string, key: string, base: string) => ValueUpdate | undefined
  /** What to send for the key now. */
  readonly build: (
    client: ClientView,
    key: string,
    base: string
  ) => Effect.Effect<ValueUpdate | ProblemUpdate | undefined, HeraldError>
  /** What to remember of an update that was sent: one object for all that were sent the same of a key. */
  readonly mark: (update: ValueUpdate) => Mark
  /**
   * Keys that a pattern covers, deleted ones included, behind `after` and in their order, at most `limit`: fewer are the last. Keys that
   * come or change between two pages are told as changes.
   */
  readonly page: (
    environment: string,
    pattern: string,
    after: string,
    limit: number
  ) => ReadonlyArray<{ readonly key: string }>
  /** Keys that have to be looked at after a change: its own, and those that are made with it. */
  readonly touched: (change: Change) => Iterable<Named>
  /** A revision was applied: its updates carry its trace and its time. */
  readonly remember: (revision: Revision) => void
}

/** Keys of a page. */
const PAGE = 256

/** Keys that a pattern covers, behind `after`: a page at a time, each of the moment that it is taken. */
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

/** What is sent of a change of one kind. */
export interface KindSource extends UpdateSourceShape {
  readonly kind: string
}

export class UpdateSource extends Context.Service<UpdateSource, UpdateSourceShape>()("herald/updates/UpdateSource") {}

/** US1 */
export const nameOf = (kind: string, key: string): string => `@${kind}/${key}`

/** The kind that a name or a pattern tells; "" for none. US1 */
export const kindIn = (name: string): string =>
  name.charCodeAt(0) === AT ? name.slice(1, name.indexOf("/") < 0 ? undefined : name.indexOf("/")) : ""

const AT = 64
