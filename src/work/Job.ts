/**
 * Does the jobs of worker threads. Pure: the same code runs in a thread and, for small jobs, at once.
 *
 *   SV1  A schema sees numbers as they were written, in decimal: 19.99 is a multiple of 0.01, 9007199254740993 is above 9007199254740992.
 */
import { Result } from "effect"
import { type Difference, difference } from "../values/Diff.ts"
import { type NamedText, namedTextsIn } from "../values/Json.ts"
import { secretsIn } from "../values/Secrets.ts"
import { type Read, read } from "../values/Value.ts"
import type { ValueType } from "../values/ValueType.ts"
import { type Carries, ENTRIES, readCarrier, Written } from "../values/Written.ts"

/**
 * `schema` is JSON text. `want`: what is asked for besides whether the text can be read. `stored`: it was accepted before, perhaps by an older
 * Herald.
 */
export interface ReadJob {
  readonly kind: "read"
  readonly type: ValueType
  readonly text: string
  readonly schema: string | undefined
  readonly want: "nothing" | "secrets" | "members"
  readonly stored: boolean
  /** JSON that the door has checked already. CV4 */
  readonly checked?: boolean
}

export interface CompareJob {
  readonly kind: "compare"
  readonly from: string
  readonly to: string
}

/** A request's body: JSON that carries values, as bytes of UTF-8. */
export interface CarryJob {
  readonly kind: "carry"
  readonly bytes: Uint8Array
  readonly carries: Carries
}

/** Texts of JSON that all have to satisfy one schema, which is JSON text. */
export interface CheckJob {
  readonly kind: "check"
  readonly texts: ReadonlyArray<string>
  readonly schema: string
}

/** A text of a capability's own form. */
export interface AsideJob {
  readonly kind: "aside"
  /** The name of a reader. */
  readonly reader: string
  readonly text: string
}

/** What capabilities read in their own way, by name. What comes out is plain data. */
export type Readers = Readonly<Record<string, (text: string) => unknown>>

export type Job = ReadJob | CompareJob | CarryJob | CheckJob | AsideJob

/** What a thread is busy with. Each stage has a time limit of its own, and tells whose fault it is when that passes. */
export type Stage = "read" | "schema" | "compare"

export type JobResult =
  | {
      readonly _tag: "Read"
      readonly secrets: ReadonlyArray<string>
      /** Undefined where the value is no object. */
      readonly members: ReadonlyArray<NamedText> | undefined
    }
  | { readonly _tag: "Unreadable"; readonly reason: string }
  | { readonly _tag: "Violation"; readonly path: string; readonly message: string }
  | { readonly _tag: "InvalidSchema"; readonly message: string }
  | { readonly _tag: "Compared"; readonly difference: Difference }
  | { readonly _tag: "Carried"; readonly json: unknown }
  | { readonly _tag: "Given"; readonly answer: unknown }
  /** All texts are right, or the first that is wrong, and what is. */
  | { readonly _tag: "Checked"; readonly wrong: { readonly index: number; readonly mistake: JobResult } | undefined }

/** Checks a value by a schema, which is JSON text. Undefined: it fits. */
export type SchemaCheck = (schema: string, value: Read) => JobResult | undefined

export const bytesOfJob = (job: Job): number => {
  switch (job.kind) {
    case "compare":
      return 2 * (job.from.length + job.to.length)
    case "carry":
      return job.bytes.byteLength
    case "aside":
      return 2 * job.text.length
    case "check":
      return job.texts.reduce((sum, text) => sum + 2 * text.length, 2 * job.schema.length)
    case "read":
      return 2 * (job.text.length + (job.schema?.length ?? 0))
  }
}

const decoder = new TextDecoder("utf-8", { fatal: true })

/** Values around those that a body carries. Bounded, as they are copied one by one from thread to thread. */
const AROUND = 50_000
/** Those that each event of a batch may have besides: itself, its key, value, time and headers. So what is bounded of 10,000 events is their headers. */
const EVENT = 5
const mostAround = (carries: Carries): number => (carries === "events" ? AROUND + EVENT * ENTRIES : AROUND)

const nodesIn = (value: unknown): number => {
  if (typeof value !== "object" || value === null || value instanceof Written) return 1
  let nodes = 1
  for (const child of Object.values(value)) nodes += nodesIn(child)
  return nodes
}

const carry = ({ bytes, carries }: CarryJob): JobResult => {
  let text: string
  try {
    text = decoder.decode(bytes)
  } catch {
    return { _tag: "Unreadable", reason: "it is not valid UTF-8" }
  }
  const found = readCarrier(text, carries)
  if (Result.isFailure(found)) return { _tag: "Unreadable", reason: found.failure }
  const most = mostAround(carries)
  return nodesIn(found.success) > most
    ? { _tag: "Unreadable", reason: `it has more than ${most} parts around the values that it carries` }
    : { _tag: "Carried", json: found.success }
}

const checkAll = (
  { texts, schema }: CheckJob,
  check: SchemaCheck,
  enter: (stage: Stage) => void
): { readonly index: number; readonly mistake: JobResult } | undefined => {
  const values: Array<Read> = []
  for (const [index, text] of texts.entries()) {
    const value = read("json", text, { stored: false })
    if (Result.isFailure(value)) return { index, mistake: { _tag: "Unreadable", reason: value.failure } }
    values.push(value.success)
  }
  enter("schema")
  for (const [index, value] of values.entries()) {
    const mistake = check(schema, value)
    if (mistake !== undefined) return { index, mistake }
  }
  return undefined
}

/** What a small body without values of ours says. Undefined: it is no good, which a job says the why of. */
export const carriedNow = (bytes: Uint8Array): unknown => {
  const found = carry({ kind: "carry", bytes, carries: "nothing" })
  return found._tag === "Carried" ? found.json : undefined
}

/** Calls `enter` before each stage. */
export const perform = (
  job: Job,
  check: SchemaCheck,
  enter: (stage: Stage) => void,
  readers: Readers = {}
): JobResult => {
  if (job.kind === "compare") {
    enter("compare")
    return { _tag: "Compared", difference: difference(job.from, job.to) }
  }
  enter("read")
  if (job.kind === "carry") return carry(job)
  if (job.kind === "check") return { _tag: "Checked", wrong: checkAll(job, check, enter) }
  if (job.kind === "aside") return { _tag: "Given", answer: readers[job.reader]!(job.text) }
  const members = () => (job.want === "members" ? namedTextsIn(job.text) : undefined)
  if (job.checked === true && job.type === "json" && job.schema === undefined && job.want !== "secrets")
    return { _tag: "Read", secrets: [], members: members() } // CV4
  const value = read(job.type, job.text, job)
  if (Result.isFailure(value)) return { _tag: "Unreadable", reason: value.failure }
  if (job.schema !== undefined) {
    enter("schema")
    const problem = check(job.schema, value.success)
    if (problem !== undefined) return problem
  }
  return {
    _tag: "Read",
    secrets: job.want === "secrets" ? secretsIn(value.success.json) : [],
    members: members()
  }
}
