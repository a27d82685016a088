/**
 * Translates between what the SDK's topics say in herald.topics.v1, and the JSON of the WebSocket. Pure but for bytes and texts.
 *
 *   XB2  A payload arrives as it was given: what is UTF-8 goes as text, what is not in base64.
 */
import type {
  Event,
  EventBatch,
  FilterFigures,
  OpenProducerResponse,
  Placed,
  Problem,
  PublishEventsRequest,
  PublishEventsResponse,
  ReadRequest,
  ReadResponse,
  Start
} from "../../../proto/generated/herald/topics/v1/topics.ts"
import { bufferOf, fromBase64, toBase64, utf8 } from "../Platform.ts"
import type { Ended } from "../Transport.ts"

export interface SaidEvent {
  readonly offset: number
  readonly key?: string
  readonly value?: string
  readonly base64?: string
  readonly headers?: Record<string, string>
  readonly occurredAt?: number
  readonly publishedAt: number
}
interface SaidPlace {
  readonly partition: number
  readonly epoch: number
  readonly offset: number
}
/** RFC 9457. */
export interface SaidProblem {
  readonly status: number
  readonly detail: string
  readonly code: string
  readonly fix: string
  readonly details?: { readonly retryAfterMillis?: number }
}
/** Whatever the server says. */
export interface Said {
  readonly id: string
  readonly type: string
  readonly problem?: SaidProblem
  readonly [name: string]: unknown
}

/** What is heard of a socket. */
export interface Hearing {
  /** The server knows who it is. */
  readonly welcome: () => void
  readonly said: (said: Said, bytes: number) => void
  readonly ended: (ended: Ended) => void
}
/** Opens a socket. `say`: false when much waits to be sent. */
export type Dial = (hearing: Hearing) => {
  readonly say: (message: unknown) => boolean
  /** Cuts it; nothing is heard of it any more. */
  readonly drop: () => void
}

const textOf = (payload: Uint8Array): string | undefined => {
  try {
    const text = utf8(payload)
    return text.includes("\u0000") ? undefined : text
  } catch {
    return undefined
  }
}

/** XB2 */
const eventSaid = ({ key, payload, timeMs, headers }: Event) => {
  const text = textOf(payload)
  return {
    ...(key === "" ? {} : { key }),
    ...(text === undefined ? { base64: toBase64(payload) } : { value: text }),
    ...(timeMs === 0n ? {} : { occurredAt: Number(timeMs) }),
    ...(Object.keys(headers).length === 0 ? {} : { headers })
  }
}

export const publishSaid = (id: string, { topic, events, partition, ...request }: PublishEventsRequest) => ({
  ...{ type: "publish", id, topic, events: events.map(eventSaid) },
  ...(partition === undefined || partition < 0 ? {} : { partition }),
  ...(request.producerId === ""
    ? {}
    : { producer: request.producerId, epoch: request.producerEpoch, sequence: Number(request.sequence) })
})

const fromSaid = (start: Start | undefined): string | ReadonlyArray<SaidPlace> => {
  const at = start?.at
  switch (at?.$case) {
    case "earliest":
      return "earliest"
    case "timeMs":
      return String(at.value)
    case "offsets":
      return at.value.offsets.map(({ partition, epoch, offset }) => ({ partition, epoch, offset: Number(offset) }))
    default:
      return "latest"
  }
}

const overflows = ["block", "conflate", "drop-oldest", "disconnect"] as const

export const readSaid = (id: string, request: ReadRequest, granted: number) => {
  const { topic, start, partitions, filter, fields, overflow } = request
  return {
    ...{ type: "read", id, topic, from: fromSaid(start), as: "text", granted },
    ...(start?.at?.$case === "offsets" && !start.at.value.othersEarliest ? { others: "latest" } : {}),
    ...(partitions.length === 0 ? {} : { partitions }),
    ...(filter === "" ? {} : { filter }),
    ...(fields.length === 0 ? {} : { fields }),
    overflow: overflows[overflow as number] ?? "block"
  }
}

/** XB2 */
export const eventOf = ({ key = "", value, base64 = "", headers = {}, occurredAt = 0 }: SaidEvent): Event => ({
  key,
  payload: bufferOf(value ?? fromBase64(base64)),
  timeMs: BigInt(occurredAt),
  headers
})

const batchOf = (said: Said): EventBatch => {
  const { partition, epoch, first, next, leftOut = 0 } = said as unknown as Record<string, number>
  const events = said["events"] as ReadonlyArray<SaidEvent>
  const later: Array<number> = []
  let [before, since] = [first!, 0]
  const steps = events.map(({ offset, publishedAt }, at) => {
    const step = offset - before
    before = offset
    const last = events[at - 1]?.publishedAt
    if (last !== undefined && publishedAt !== last) {
      later.push(at - since, publishedAt - last)
      since = at
    }
    return step
  })
  return {
    ...{ partition: partition!, epoch: epoch!, firstOffset: BigInt(first!), steps, later },
    publishedMs: BigInt(events[0]?.publishedAt ?? 0),
    events: events.map(eventOf),
    compressed: bufferOf(""),
    nextOffset: BigInt(next!),
    leftOut: BigInt(leftOut),
    changed: []
  }
}

const offsetOf = ({ partition, epoch, offset }: SaidPlace) => ({ partition, epoch, offset: BigInt(offset) })

const FIGURES = ["looked", "matched", "missing", "failed", "costly"]

/** Undefined: it is nothing that a reader is told. */
export const readOf = (said: Said): ReadResponse | undefined => {
  switch (said.type) {
    case "events":
      return { what: { $case: "batch", value: batchOf(said) } }
    case "gap": {
      const { partition, epoch, from, to, why } = said as unknown as SaidPlace & {
        from: number
        to: number
        why: string
      }
      return { what: { $case: "gap", value: { partition, epoch, from: BigInt(from), to: BigInt(to), why } } }
    }
    case "started": {
      const offsets = (said["places"] as ReadonlyArray<SaidPlace>).map(offsetOf)
      return { what: { $case: "started", value: { offsets } } }
    }
    case "live":
      return { what: { $case: "live", value: {} } }
    case "filtered": {
      const [looked, matched, missing, failed, costly] = FIGURES.map((name) => BigInt(Number(said[name])))
      const missingField = String(said["missingField"] ?? "")
      const value = { looked, matched, missing, failed, costly, missingField } as FilterFigures
      return { what: { $case: "filtered", value } }
    }
    default:
      return undefined
  }
}

export const problemOf = ({ code, detail, fix, details }: SaidProblem): Problem => ({
  ...{ code, message: detail, fix },
  retryAfterMs: BigInt(Math.ceil(details?.retryAfterMillis ?? 0))
})

export const publishedOf = (said: Said): PublishEventsResponse => {
  const placed = said["placed"] as ReadonlyArray<
    SaidPlace & { offset: number | null; count: number; duplicate: boolean; events?: Array<number> }
  >
  const failed = said["failed"] as ReadonlyArray<{ partition: number; events: Array<number>; problem: SaidProblem }>
  return {
    placed: placed.map(
      ({ partition, epoch, offset, count, duplicate, events }): Placed => ({
        first: offset === null ? undefined : offsetOf({ partition, epoch, offset }),
        ...{ count, duplicate, indexes: events ?? [] }
      })
    ),
    partitions: Number(said["partitions"]),
    unplaced: failed.map(({ partition, events, problem }) => ({
      partition,
      indexes: events,
      problem: problemOf(problem)
    }))
  }
}

export const openedOf = (said: Said): OpenProducerResponse => ({
  epoch: Number(said["epoch"]),
  partitions: Number(said["partitions"]),
  sequences: (said["sequences"] as ReadonlyArray<{ partition: number; sequence: number }>).map(
    ({ partition, sequence }) => ({ partition, sequence: BigInt(sequence) })
  )
})

/** Statuses of gRPC, by those of HTTP: what the SDK makes of an end goes by them. */
const statuses: Readonly<Record<number, number>> = {
  ...{ 400: 3, 401: 16, 403: 7, 404: 5, 408: 4, 409: 9, 410: 9, 412: 9, 413: 3, 416: 11, 422: 3, 429: 8 },
  ...{ 500: 13, 501: 12, 503: 14, 504: 4 }
}
const UNAVAILABLE = 14
/** What HTTP has no status for. ReceiptLost: ABORTED, a conflict that another try ends. CredentialEnded: another try asks for a new token. */
const others: Readonly<Record<string, number>> = { "HRLD-2083": 10, "HRLD-3076": UNAVAILABLE }
const statusOf = (status: number, code: string | undefined): number => others[code ?? ""] ?? statuses[status] ?? 2

export const endedOf = ({ status, code, detail, details }: SaidProblem): Ended => ({
  ...{ status: statusOf(status, code), message: detail, code, hopeless: false },
  reconnectAfterMillis: details?.retryAfterMillis
})

const REASON = /^(HRLD-\d{4}): (.*)$/s

/** Why a socket was closed. */
/** A browser's socket says no more of why. */
const UNHEARD = ": nothing answers there, or nothing of Herald, or https:// is written and it has no TLS"

export const closedOf = (code: number, reason: string): Ended => {
  const [, its, message = reason] = REASON.exec(reason) ?? []
  const status = code >= 4_000 ? statusOf(code - 4_000, its) : code === 1008 || code === 1009 ? 3 : UNAVAILABLE
  return {
    ...{ status, code: its, hopeless: false, reconnectAfterMillis: undefined },
    message: message !== "" ? message : `the connection was closed (${code})${code === 1006 ? UNHEARD : ""}`
  }
}
