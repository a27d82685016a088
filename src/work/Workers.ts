/**
 * Does work on users' texts beside the thread that delivers: reads values, checks them by a schema, compares versions.
 *
 *   WK1  What is small is done at once; no schema ever runs on the thread that delivers.
 *   WK2  A stage that takes longer than its limit, or the thread's memory, costs its thread and its own job, and no other job.
 *   WK3  Jobs wait fairly by identity (FairQueue), within bounds, and no longer than `patience`; a job whose asker left is not begun.
 *   WK4  A large text that was read lately, such as a rendering that the dry run checked, is not read again to be delivered.
 */
import { Context, Deferred, Duration, Effect, Layer, Metric, Queue, Result } from "effect"
import { CurrentIdentity } from "../access/Identity.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { counter, each } from "../telemetry/Metrics.ts"
import type { Difference } from "../values/Diff.ts"
import { Digest } from "../values/Digest.ts"
import { schemaText } from "../values/JsonSchema.ts"
import type { ValueType } from "../values/ValueType.ts"
import type { Carries } from "../values/Written.ts"
import { FairQueue, type QueueBounds } from "./FairQueue.ts"
import { bytesOfJob, type Job, type JobResult, perform, type ReadJob, type SchemaCheck, type Stage } from "./Job.ts"
import { died, late, type Mistake, mistakeOf, type Reading, unusable } from "./Mistake.ts"
import { type Thread, Threads } from "./Threads.ts"

export interface WorkersOptions {
  /** Time of one stage; to compile a schema and to check by it are one. Of CPU where the platform tells (see `STARVED`). */
  readonly limits: Readonly<Record<Stage, Duration.Input>>
  /** How long an asker waits for its answer, the wait for a thread included. */
  readonly patience: Duration.Input
  readonly bounds: Omit<QueueBounds, "atOnce">
}

export const workersDefaults: WorkersOptions = {
  limits: { read: "5 seconds", schema: "1 second", compare: "5 seconds" },
  patience: "15 seconds",
  bounds: { jobs: 64, bytes: 33_554_432, allJobs: 1_024, allBytes: 134_217_728 }
}

/** Characters up to which reading takes well under 5 ms. */
const INLINE: Readonly<Record<ValueType, number>> = {
  string: Number.POSITIVE_INFINITY,
  number: Number.POSITIVE_INFINITY,
  boolean: Number.POSITIVE_INFINITY,
  json: 65_536,
  yaml: 2_048
}
/** Bytes of a body that is read at once. */
const INLINE_CARRY = 65_536
/** Characters of both texts together: comparing a few thousand lines takes 200 ms. */
const INLINE_COMPARE = 2_048

export interface Want {
  /** A JSON Schema that the value must satisfy; null: none. */
  readonly schema?: unknown
  readonly want?: ReadJob["want"]
  /** It was accepted before, perhaps by an older Herald. */
  readonly stored?: boolean
  /** JSON that the door has checked already. CV4 */
  readonly checked?: boolean
}

/** A body with what it carries, or why it can't be read. */
export type Carrying = Extract<JobResult, { readonly _tag: "Carried" | "Unreadable" }>

export class Workers extends Context.Service<
  Workers,
  {
    /** Reads a text as its type, and checks it by its schema. What is wrong with it is an answer. Fails `Busy` (details: retryAfterMillis), `Timeout`. */
    readonly examine: (type: ValueType, text: string, want?: Want) => Effect.Effect<Reading | Mistake, HeraldError>
    /** The same for a text that must be right: fails also `InvalidValue`, `SchemaViolation` (details: path), `InvalidSchema`. */
    readonly read: (type: ValueType, text: string, want?: Want) => Effect.Effect<Reading, HeraldError>
    /** Reads the body of a request, with the fields of `Written` in place of the values that it carries. Fails `Busy`, `Timeout`. */
    readonly carry: (bytes: Uint8Array, carries: Carries) => Effect.Effect<Carrying, HeraldError>
    /**
     * Checks texts of JSON by one schema, in a thread. Undefined: they are right; else the first that is not. The schema is text that was
     * accepted. Fails `Busy`, `Timeout`. WK1
     */
    readonly check: (
      schema: string,
      texts: ReadonlyArray<string>
    ) => Effect.Effect<{ readonly index: number; readonly mistake: Mistake } | undefined, HeraldError>
    /** What `read` makes of a text, here or, where it is large, in a thread, which knows it as `reader`. Fails `Busy`, `Timeout`, `InvalidValue`. */
    readonly aside: <A>(reader: string, text: string, read: (text: string) => A) => Effect.Effect<A, HeraldError>
    /** The difference between two texts. Fails `Busy`, `Timeout`. */
    readonly compare: (from: string, to: string) => Effect.Effect<Difference, HeraldError>
  }
>()("herald/work/Workers") {
  static readonly layer = (options: WorkersOptions = workersDefaults) => Layer.effect(Workers, make(options))
}

interface Waiting {
  readonly job: Job
  readonly answer: Deferred.Deferred<JobResult, HeraldError>
}

/** How many times a limit may pass by the clock, as long as the thread has not used as much CPU. */
const STARVED = 10
/** Texts that were read lately, of which digests are kept. WK4 */
const KNOWN = 8_192
/** Milliseconds after which a full queue is worth another try. */
const RETRY_MILLIS = 1_000

const make = Effect.fnUntraced(function* ({ limits, patience, bounds }: WorkersOptions) {
  const threads = yield* Threads
  const digestOf = yield* Digest
  const scope = yield* Effect.scope
  const queue = new FairQueue<Waiting>({ ...bounds, atOnce: Math.max(1, threads.count - 1) })
  const idle: Array<Thread> = []
  let running = 0

  yield* Effect.addFinalizer(() => Effect.forEach(idle, (thread) => thread.end, { discard: true }))

  /** A thread's answer to one job. WK2 */
  const ask = Effect.fnUntraced(function* (job: Job) {
    let thread = idle.pop()
    while (thread !== undefined && !thread.alive()) thread = idle.pop()
    const its = thread ?? (yield* threads.start)
    let stage: Stage = job.kind === "compare" ? "compare" : "read"
    return yield* Effect.gen(function* () {
      let used = its.meter()
      let turns = 0
      its.tell(job)
      while (true) {
        const limit = Duration.toMillis(limits[stage])
        const heard = yield* Effect.timeoutOption(Queue.take(its.heard), limit)
        if (heard._tag === "None") {
          if (++turns < STARVED && ((yield* used) ?? limit) < limit) continue // a busy machine is not the text's fault
          yield* its.end
          return yield* late(job, stage, limits[stage])
        }
        if (heard.value._tag === "Died") {
          yield* its.end
          return died(job, stage, heard.value.reason)
        }
        if (heard.value._tag === "Answered") {
          idle.push(its)
          return heard.value.answer
        }
        if (stage !== heard.value.stage) [stage, used, turns] = [heard.value.stage, its.meter(), 0]
      }
    }).pipe(
      Effect.onError(() => {
        const at = idle.indexOf(its)
        if (at !== -1) idle.splice(at, 1)
        return its.end
      })
    )
  })

  const serve = (owner: string, { job, answer }: Waiting) =>
    ask(job).pipe(
      Effect.catchDefect((defect) => failure("Internal", "a worker thread met a defect", { cause: defect })),
      Effect.exit,
      Effect.flatMap((exit) => Deferred.done(answer, exit)),
      Effect.ensuring(
        Effect.sync(() => {
          running--
          queue.done(owner)
          pump()
        })
      )
    )

  const runFork = Effect.runForkWith(yield* Effect.context<never>())
  const pump = (): void => {
    while (running < threads.count) {
      const next = queue.take()
      if (next === undefined) return
      running++
      runFork(Effect.forkIn(serve(next.owner, next.item), scope))
    }
  }

  const submit = Effect.fnUntraced(function* (job: Job) {
    const identity = yield* CurrentIdentity
    const owner = identity?.name ?? "node"
    const waiting: Waiting = { job, answer: Deferred.makeUnsafe<JobResult, HeraldError>() }
    const full = queue.offer(owner, bytesOfJob(job), waiting)
    if (full !== undefined) {
      yield* Metric.update(Metric.withAttributes(refused, { share: full }), 1)
      return yield* failure(
        "Busy",
        full === "owner"
          ? "as much of your work waits for a worker thread as may wait; nothing was written"
          : "the work of all fills the queue of the worker threads; nothing was written",
        { details: { retryAfterMillis: RETRY_MILLIS } }
      )
    }
    pump()
    return yield* Deferred.await(waiting.answer).pipe(
      Effect.timeoutOrElse({
        duration: patience,
        orElse: (): Effect.Effect<never, HeraldError> =>
          Effect.fail(failure("Timeout", "the check waited too long behind others; nothing was written"))
      }),
      Effect.ensuring(Effect.sync(() => queue.remove(owner, waiting))) // WK3
    )
  })

  const answered = (job: Job, inline: boolean): Effect.Effect<JobResult, HeraldError> =>
    inline ? Effect.sync(() => perform(job, never, ignore)) : submit(job)

  const known = new Set<string>()
  const remember = (id: string): void => {
    if (known.size >= KNOWN) known.delete(known.values().next().value as string)
    known.add(id)
  }

  const examine = Effect.fnUntraced(function* (type: ValueType, text: string, options: Want = {}) {
    const { schema = null, want = "nothing", stored = false, checked = false } = options
    const inline = schema === null && text.length <= INLINE[type] // WK1
    const id = text.length <= INLINE[type] ? "" : `${type} ${digestOf(text)}`
    if (!inline && schema === null && want === "nothing" && stored && known.has(id)) return nothing // WK4
    const its = schema === null ? undefined : schemaText(schema)
    if (its !== undefined && Result.isFailure(its)) return unusable(`the schema can't be used: ${its.failure}`)
    const job: ReadJob = {
      kind: "read",
      type,
      text,
      schema: its?.success,
      want,
      stored,
      checked
    }
    const answer = yield* answered(job, inline)
    if (id !== "" && answer._tag === "Read") remember(id)
    return answer._tag === "Carried" ||
      answer._tag === "Compared" ||
      answer._tag === "Given" ||
      answer._tag === "Checked"
      ? yield* mistaken(answer)
      : answer
  })

  const read = Effect.fnUntraced(function* (type: ValueType, text: string, options?: Want) {
    const found = yield* examine(type, text, options)
    return found._tag === "Read" ? found : yield* mistakeOf(found)
  })

  const carry = Effect.fnUntraced(function* (bytes: Uint8Array, carries: Carries) {
    const answer = yield* answered({ kind: "carry", bytes, carries }, bytes.byteLength <= INLINE_CARRY)
    return answer._tag === "Carried" || answer._tag === "Unreadable" ? answer : yield* mistaken(answer)
  })

  const compare = Effect.fnUntraced(function* (from: string, to: string) {
    const inline = from === to || from.length + to.length <= INLINE_COMPARE
    const answer = yield* answered({ kind: "compare", from, to }, inline)
    if (answer._tag === "Compared") return answer.difference
    return yield* answer._tag === "Unreadable" ? mistakeOf(answer) : mistaken(answer)
  })

  const check = Effect.fnUntraced(function* (schema: string, texts: ReadonlyArray<string>) {
    const answer = yield* submit({ kind: "check", schema, texts })
    if (answer._tag === "InvalidSchema" || answer._tag === "Unreadable") return { index: 0, mistake: answer }
    if (answer._tag !== "Checked") return yield* mistaken(answer)
    return answer.wrong as { readonly index: number; readonly mistake: Mistake } | undefined
  })

  const aside = <A>(reader: string, text: string, read: (text: string) => A): Effect.Effect<A, HeraldError> =>
    text.length <= INLINE.json
      ? Effect.sync(() => read(text))
      : Effect.flatMap(submit({ kind: "aside", reader, text }), (answer) => {
          if (answer._tag === "Given") return Effect.succeed(answer.answer as A)
          return answer._tag === "Unreadable" ? Effect.fail(mistakeOf(answer)) : mistaken(answer)
        })

  return Workers.of({ examine, read, carry, compare, check, aside })
})

const nothing: Reading = { _tag: "Read", secrets: [], members: undefined }

const mistaken = (answer: JobResult) =>
  Effect.die(new Error(`a worker thread answered ${answer._tag} to another question`))
const ignore = (): void => {}
const never: SchemaCheck = () => {
  throw new Error("a schema never runs on the thread that delivers") // WK1
}

const refused = counter(
  "herald_work_refused_total",
  "jobs that found the queue of the worker threads full",
  each("share", ["owner", "all"])
)
