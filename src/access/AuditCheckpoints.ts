/**
 * Signs the end of the audit log from time to time, and keeps what was signed outside of the database.
 *
 *   AC3  A log that does not have what was signed last is not signed: it is told in the log of the server, at each try, until someone looks.
 *   AC4  A checkpoint is in the file of this node, and the newest in its log: once an hour, and each minute at debug. A collector takes it
 *        elsewhere from there; a terminal, from which nobody takes anything, shows it at debug only.
 */
import { Clock, Context, type Duration, Effect, Layer, Metric, Redacted } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import { notice } from "../telemetry/Degraded.ts"
import { every } from "../telemetry/Every.ts"
import { Evidence } from "../telemetry/Evidence.ts"
import { gauge } from "../telemetry/Metrics.ts"
import type { AuditProblem } from "./AuditEntry.ts"
import { AuditLog } from "./AuditLog.ts"
import { type Checkpoint, checkpointOf, disagreement, lineOf, thinned } from "./Checkpoint.ts"
import { CheckpointStore } from "./CheckpointStore.ts"
import { KeyHash } from "./KeyHash.ts"

export interface AuditCheckpointsOptions {
  /** The checkpoints' key is derived from it. */
  readonly pepper: Redacted.Redacted | string
  readonly every?: Duration.Input
}

export interface Compared {
  /** How many checkpoints were compared; the newest of them; how many lines this server's key did not sign. */
  readonly checked: number
  readonly newest: Checkpoint | undefined
  readonly unsigned: number
  readonly problem: AuditProblem | undefined
}

export class AuditCheckpoints extends Context.Service<
  AuditCheckpoints,
  {
    /** Whether the line is whole, and signed with the key of these nodes. */
    readonly signed: (line: string) => boolean
    /** Compares the log with this node's checkpoints and these lines. Fails as `AuditLog.marks`, and `Internal` when the file can't be read. */
    readonly compare: (lines: ReadonlyArray<string>) => Effect.Effect<Compared, HeraldError>
  }
>()("herald/access/AuditCheckpoints") {
  static readonly layer = (options: AuditCheckpointsOptions) => Layer.effect(AuditCheckpoints, make(options))
}

/** Milliseconds between two lines in the server's log, and between two of these that are not at debug. */
const TELL_EVERY = 60_000
const TELL_ALOUD_EVERY = 3_600_000

const make = Effect.fnUntraced(function* ({ pepper, every: pause = "10 seconds" }: AuditCheckpointsOptions) {
  const log = yield* AuditLog
  const store = yield* CheckpointStore
  const { hash, equal } = yield* KeyHash
  const clock = yield* Clock.Clock
  const key = hash(typeof pepper === "string" ? pepper : Redacted.value(pepper), "herald/audit-checkpoints")
  const sign = (text: string) => hash(key, text)
  const read = (lines: ReadonlyArray<string>) => lines.flatMap((line) => checkpointOf(line, sign, equal) ?? [])
  const signed = (line: string) => read([line]).length === 1

  const compare = Effect.fnUntraced(function* (lines: ReadonlyArray<string>) {
    const all = [...(yield* store.read), ...lines]
    const checkpoints = read(all)
    // The end of the log first, so that what is appended meanwhile is no contradiction.
    const last = yield* log.last
    const marks = yield* log.marks(checkpoints.map(({ id }) => id))
    return {
      checked: checkpoints.length,
      newest: checkpoints.reduce<Checkpoint | undefined>((a, b) => (a === undefined || b.id > a.id ? b : a), undefined),
      unsigned: all.length - checkpoints.length,
      problem: disagreement(checkpoints, marks, last?.id ?? 0n)
    } satisfies Compared
  })

  let newest: Checkpoint | undefined
  let toldAt = Number.NEGATIVE_INFINITY
  let toldAloudAt = Number.NEGATIVE_INFINITY
  let lines = 0

  const kept = yield* notice("audit", {
    source: "checkpoints",
    began: "no audit checkpoint can be kept: the end of the log is not signed",
    ended: "audit checkpoints are kept again"
  })
  const whole = yield* notice("audit", {
    source: "log",
    began: "the audit log contradicts what was signed: nothing is signed any more",
    ended: "the audit log agrees with what was signed again"
  })

  const alarm = (problem: AuditProblem) =>
    Effect.logError("the audit log is not the one that was signed", {
      kind: problem.kind,
      reason: problem.message
    }).pipe(Effect.andThen(Metric.update(broken, 1)), Effect.andThen(whole.fails(problem.message)))

  /** AC3 */
  const step = Effect.gen(function* () {
    const last = yield* log.last
    if (last === undefined && newest === undefined) return
    if (newest !== undefined) {
      const problem = disagreement([newest], yield* log.marks([newest.id]), last?.id ?? 0n)
      if (problem !== undefined) return yield* alarm(problem)
      if (last === undefined || last.id <= newest.id) return
    }
    yield* Metric.update(broken, 0)
    yield* whole.works
    const at = clock.currentTimeMillisUnsafe()
    const checkpoint: Checkpoint = { ...last!, at }
    const line = lineOf(checkpoint, sign)
    yield* store.append(line).pipe(Effect.tapError(({ message }) => kept.fails(message)))
    yield* kept.works
    newest = checkpoint
    if (++lines >= THIN_EVERY) {
      lines = 0
      yield* store.replace(thinned(yield* store.read))
    }
    // AC4
    if (at - toldAt < TELL_EVERY) return
    toldAt = at
    const quietly = at - toldAloudAt < TELL_ALOUD_EVERY
    if (!quietly) toldAloudAt = at
    yield* Effect.logWithLevel(quietly ? "Debug" : "Info")("audit checkpoint", { checkpoint: line }).pipe(
      Effect.provideService(Evidence, true)
    )
  })

  const begin = Effect.gen(function* () {
    const compared = yield* compare([])
    newest = compared.newest
    if (compared.unsigned > 0) {
      yield* Effect.logWarning("audit checkpoints that another key signed are left out", { lines: compared.unsigned })
    }
    if (compared.problem !== undefined) yield* alarm(compared.problem)
  })

  let begun = false
  const next = Effect.suspend(() => {
    if (begun) return step
    begun = true
    return Effect.andThen(begin, step)
  })
  yield* Effect.forkScoped(every("no audit checkpoint", pause, next))

  return AuditCheckpoints.of({ signed, compare })
})

const THIN_EVERY = 256
const broken = gauge(
  "herald_audit_broken",
  "1: the audit log is not the one that this node signed; `herald audit verify` says more"
)
