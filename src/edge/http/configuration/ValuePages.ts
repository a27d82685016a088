/**
 * Answers with many values at once, so that whoever reads a whole store leaves the node to others.
 *
 *   VQ1  Two pages are under way on a node, and one of a principal; others wait for their turn, bounded, and who leaves takes none.
 *   VQ2  Between two steps others have their turn: a step is a row, or a part of a long value. A schema that many keys share is digested once.
 *   VQ3  A page ends before it is more than 4 MiB of JSON and a row, however much of it has to be escaped.
 *   VQ4  A page counts by what was read for it. What its principal had no room for is paid before anything is read for the next one.
 */
import { Effect } from "effect"
import { Access } from "../../../access/Access.ts"
import { CurrentIdentity, type Identity } from "../../../access/Identity.ts"
import { Shared } from "../../../bounds/Shared.ts"
import { Weighed } from "../../../bounds/Weighed.ts"
import type { Configuration } from "../../../configuration/Configuration.ts"
import { Configurations } from "../../../configuration/Configurations.ts"
import { failure, type HeraldError } from "../../../errors/HeraldError.ts"
import { canonical } from "../../../values/Canonical.ts"
import { Digest } from "../../../values/Digest.ts"
import { lookingSlices } from "../../../work/Slices.ts"
import { makeTurns } from "../../../work/Turns.ts"
import * as Wire from "./Wire.ts"

/** Pages that are under way, on a node and of a principal. VQ1 */
export const PAGES = [2, 1] as const
/** Pages that are asked for at once, under way or waiting for their turn, on a node and of a principal. VQ1 */
export const ASKED = [400, 100] as const
/** Milliseconds after which to come again. */
const AGAIN = 1_000
/** Characters of JSON in one page; what is escaped is ASCII, and the rest is bounded where it is read (PB1). VQ3 */
export const PAGE_JSON = 4_194_304
/** Characters of a value that are written at once. VQ2 */
export const PART = 65_536
/** Requests that every page counts as (Needs), and characters read that count as one. VQ4 */
export const PAGE_COST = 50
const PER_TOKEN = 4_096
/** Principals who owe for a page; the oldest is let off. VQ4 */
const DEBTORS = 10_000
/** Digests of schemas. VQ2 */
const DIGESTS = { entries: 1_000, bytes: 4_194_304 } as const
/** Bytes of one besides its schema's text. */
const DIGEST = 200

type Asked = Parameters<Configurations["Service"]["values"]>[0]

interface Found {
  readonly found: ReadonlyArray<Configuration>
  readonly next: string | undefined
}

/** `text`: the JSON. `read`: characters of values and schemas that it was made of. */
export interface Page {
  readonly text: string
  readonly read: number
}

/** The JSON of a text, part by part; no character of two halves is cut. */
function* quoted(text: string, into: Array<string>): Generator<void, number> {
  if (text.length <= PART) {
    const whole = JSON.stringify(text)
    into.push(whole)
    return whole.length
  }
  let length = 2
  into.push('"')
  for (let from = 0, to = 0; from < text.length; from = to) {
    to = Math.min(text.length, from + PART)
    const last = text.charCodeAt(to - 1)
    if (to < text.length && last >= 0xd800 && last < 0xdc00) to--
    const part = JSON.stringify(text.slice(from, to)).slice(1, -1)
    into.push(part)
    length += part.length
    yield
  }
  into.push('"')
  return length
}

/** `digestOf`: of a schema, by its JSON. VQ2, VQ3 */
export function* pageText(
  { found, next }: Found,
  shape: boolean,
  digestOf: (schema: unknown, text: string) => string
): Generator<void, Page> {
  const into: Array<string> = ['{"values":[']
  let [length, read] = [0, 0]
  let after = next
  let last: string | undefined
  for (const one of found) {
    if (length >= PAGE_JSON) {
      after = last
      break
    }
    const schema = one.schema === null ? "null" : JSON.stringify(one.schema)
    const row = JSON.stringify(Wire.valued(one, one.schema === null ? null : digestOf(one.schema, schema)))
    into.push(last === undefined ? "" : ",", shape ? row : row.slice(0, -1))
    length += row.length
    if (!shape) {
      into.push(`,"schema":${schema},"value":`)
      length += schema.length + (yield* quoted(one.value, into))
      into.push("}")
    }
    read += one.value.length + schema.length
    last = one.key
    yield
  }
  into.push(`],"next":${JSON.stringify(after ?? null)}}`)
  return { text: into.join(""), read }
}

/** Gives the digest of a schema, by its JSON. `owner`: who made it be kept. VQ2 */
const makeDigests = (digestOf: (text: string) => string) => {
  const known = new Shared<{ readonly digest: string; readonly bytes: number }>(DIGESTS, ({ bytes }) => bytes)
  return (owner: string) => (schema: unknown, text: string) => {
    const there = known.use(text)
    if (there !== undefined) return there.digest
    const digest = digestOf(canonical(schema))
    known.set(text, { digest, bytes: DIGEST + 2 * text.length }, owner)
    return digest
  }
}

/** Lets `ASKED` be asked for at once. Fails `RateLimited` (details.retryAfterMillis). VQ1 */
const makeAsking = () => {
  const asked = new Map<string, number>()
  let all = 0
  const take = (owner: string): Effect.Effect<void, HeraldError> =>
    Effect.suspend(() => {
      const own = asked.get(owner) ?? 0
      if (all >= ASKED[0] || own >= ASKED[1]) {
        const message = `${all} pages of values are asked for at once, ${own} of them by ${owner}`
        return Effect.fail(failure("RateLimited", message, { details: { retryAfterMillis: AGAIN } }))
      }
      asked.set(owner, own + 1)
      all++
      return Effect.void
    })
  const give = (owner: string) =>
    Effect.sync(() => {
      const left = asked.get(owner)! - 1
      if (left === 0) asked.delete(owner)
      else asked.set(owner, left)
      all--
    })
  return <A>(owner: string, effect: Effect.Effect<A, HeraldError>): Effect.Effect<A, HeraldError> =>
    Effect.acquireUseRelease(
      take(owner),
      () => effect,
      () => give(owner)
    )
}

export const makeValuePages = Effect.gen(function* () {
  const configurations = yield* Configurations
  const { spend } = yield* Access
  const digests = makeDigests(yield* Digest)
  const turns = makeTurns(...PAGES)
  const asking = makeAsking()
  const owed = new Weighed<number>(() => 1)

  /** VQ4 */
  const pay = (identity: Identity): Effect.Effect<void, HeraldError> =>
    Effect.suspend(() => {
      const debt = owed.get(identity.name)
      if (debt === undefined) return Effect.void
      return Effect.andThen(
        spend(identity, debt),
        Effect.sync(() => void owed.delete(identity.name))
      )
    })

  const made = Effect.fnUntraced(function* (identity: Identity, asked: Asked, shape: boolean) {
    yield* pay(identity)
    const found = yield* configurations.values(asked)
    const { text, read } = yield* lookingSlices.through(() => pageText(found, shape, digests(identity.name)))
    const more = Math.ceil(read / PER_TOKEN) - PAGE_COST
    if (more > 0) {
      owed.set(identity.name, more)
      owed.trim(DEBTORS)
      yield* Effect.ignore(pay(identity))
    }
    return text
  })

  /** The JSON of a page for `CurrentIdentity`; without value and schema: `shape`. Fails `RateLimited`, and as `Configurations.values`. */
  return (asked: Asked, shape: boolean): Effect.Effect<string, HeraldError> =>
    Effect.flatMap(CurrentIdentity, (identity) =>
      identity === undefined
        ? Effect.fail(failure("Unauthenticated", "nobody is signed in for this request"))
        : asking(identity.name, turns.of(identity.name)(made(identity, asked, shape)))
    )
})
