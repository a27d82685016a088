/**
 * A short way for small requests that are asked all the time: from the head to the answer in one turn of the event loop, without a fiber.
 *
 *   QK1  Whoever asks can't tell the two ways apart: what is answered here is what would be answered there, and whatever is not as usual (no right,
 *        no rate, a body that is no good, a long answer) goes the way of all requests, with the body that was read.
 *   QK2  The same is checked in the same order: who asks, whether they may, their rate, then the body; and it is counted in the same metrics.
 *   QK3  Where spans are kept nothing goes this way, so that none is missing.
 */
import { Context, Effect, Tracer } from "effect"
import type { ByteBudget } from "../../bounds/ByteBudget.ts"
import { Budget } from "./Budget.ts"
import type { Part } from "./Contract.ts"
import { keepBody } from "./Gathered.ts"
import { makeCounting } from "./Measure.ts"

/** The head of a request. Names of headers in lower case. */
export interface Head {
  /** What it came by. */
  readonly socket?: unknown

  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string | undefined>>
}

export interface QuickAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** JSON. */
  readonly text: string
}

/** A request that was let in. */
export interface Begun {
  /** Whose body is read. */
  readonly owner: string
  /** As the contract has it. */
  readonly route: string
  /** Undefined: it goes the way of all requests. Never throws. */
  readonly answer: (body: Uint8Array) => QuickAnswer | undefined
}

/** Undefined: the request is none of its, or not as usual. */
export type QuickRoute = (head: Head) => Begun | undefined

/** A request of Node's, as far as it is read here. */
export interface Source extends Head {
  readonly on: (event: string, listener: (piece: Uint8Array) => void) => unknown
  readonly off: (event: string, listener: (piece: Uint8Array) => void) => unknown
}

/** Takes a request and gives its answer later, or calls `otherwise`; false: it did not take it. */
export type Quick = (source: Source, answer: (answer: QuickAnswer) => void, otherwise: () => void) => boolean

/** Port: the door that may have a short way. */
export const QuickDoor = Context.Reference<{ readonly open: (quick: Quick) => void }>("herald/edge/http/QuickDoor", {
  defaultValue: () => ({ open: () => {} })
})

/** Bytes of a body, and characters of an answer: longer ones may be compressed. */
const SHORT = { body: 8_192, answer: 1_000 }
/** What makes a body, or what is to become of its trace, unusual. */
const UNUSUAL = ["expect", "transfer-encoding", "content-encoding", "traceparent", "b3", "origin"]
const JSON_TYPE = /^application\/json(?:; ?charset=utf-8)?$/i

const lengthOf = ({ headers }: Head): number | undefined => {
  const said = Number(headers["content-length"])
  if (!(said > 0 && said <= SHORT.body)) return undefined
  const type = headers["content-type"]
  if (type !== undefined && !JSON_TYPE.test(type)) return undefined
  return UNUSUAL.some((name) => headers[name] !== undefined) ? undefined : said
}

const ENDS = ["aborted", "error", "close"]

/** `done` is called with all of a body of `length` bytes, or `left` when it breaks off. */
const readAll = (source: Source, length: number, done: (bytes: Uint8Array) => void, left: () => void): void => {
  let bytes: Uint8Array | undefined
  let size = 0
  const take = (piece: Uint8Array): void => {
    if (size === 0 && piece.length === length) bytes = piece
    else {
      bytes ??= new Uint8Array(length)
      if (size + piece.length <= length) bytes.set(piece, size)
    }
    size += piece.length
  }
  const leave = (): void => {
    source.off("data", take)
    source.off("end", end)
    for (const event of ENDS) source.off(event, breakOff)
  }
  const end = (): void => {
    leave()
    if (bytes !== undefined && size === length) done(bytes)
    else left()
  }
  const breakOff = (): void => {
    leave()
    left()
  }
  source.on("end", end)
  for (const event of ENDS) source.on(event, breakOff)
  source.on("data", take)
}

const take =
  (
    routes: ReadonlyArray<QuickRoute>,
    budget: ByteBudget,
    count: (method: string, route: string, status: number, startedAt: bigint) => void,
    now: () => bigint
  ): Quick =>
  (source, answer, otherwise) => {
    const length = lengthOf(source)
    if (length === undefined) return false
    for (const route of routes) {
      const begun = route(source)
      if (begun === undefined) continue
      const startedAt = now()
      if (!budget.take(length, begun.owner)) return false
      const done = (bytes: Uint8Array): void => {
        budget.give(length, begun.owner)
        const said = begun.answer(bytes)
        if (said !== undefined && said.text.length <= SHORT.answer) {
          answer(said)
          count(source.method, begun.route, said.status, startedAt)
        } else {
          keepBody(source, bytes)
          otherwise() // QK1
        }
      }
      readAll(source, length, done, () => budget.give(length, begun.owner))
      return true
    }
    return false
  }

/** Opens the short way at the door, for parts that have one. */
export const openQuick = Effect.fnUntraced(function* (parts: ReadonlyArray<Part>) {
  const door = yield* QuickDoor
  if ((yield* Tracer.Tracer) !== Tracer.nativeTracer) return // QK3
  const budget = yield* Budget
  const routes = yield* Effect.forEach(
    parts.flatMap(({ quick }) => (quick === undefined ? [] : [quick])),
    (quick) => quick
  )
  const { count, now } = yield* makeCounting
  if (routes.length > 0) door.open(take(routes, budget, count, now))
})
