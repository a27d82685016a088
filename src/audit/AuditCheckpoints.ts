/**
 * Signs the end of the audit log from time to time, and keeps what was signed outside of the database.
 *
 *   AC3  A log that does not have what was signed last is not signed: it is told in the log of the server, at each try, until someone looks.
 *        Nor is one signed before it was compared with all that this node signed in lives before this one.
 *   AC4  A checkpoint is in the file of this node, and the newest in its log: once an hour, and each minute at debug. A collector takes it
 *        elsewhere from there; a terminal, from which nobody takes anything, shows it at debug only.
 *   AC7  Every node signs for itself, with a key of its own or with one that all share: each is a witness that no other can silence. A key that is new signs
 *        the end once more, so that who only knows the new one misses nothing.
 */
import { Clock, Context, type Duration, Effect, Layer, Metric, Redacted, Semaphore } from "effect"
import { KeyHash } from "../access/KeyHash.ts"
import type { HeraldError } from "../errors/HeraldError.ts"
import { notice } from "../telemetry/Degraded.ts"
import { every } from "../telemetry/Every.ts"
import { Evidence } from "../telemetry/Evidence.ts"
import { gauge } from "../telemetry/Metrics.ts"
import type { AuditProblem } from "./AuditEntry.ts"
import { AuditKeys } from "./AuditKeys.ts"
import { AuditLog } from "./AuditLog.ts"
import { type Checkpoint, checkpointOf, disagreement, lineOf, signedOf, thinned } from "./Checkpoint.ts"
import { type CheckpointKey, compacted, isKeyLine, keyLineOf, keyOf } from "./CheckpointKey.ts"
import { CheckpointStore } from "./CheckpointStore.ts"

export interface AuditCheckpointsOptions {
  /** What seals public keys is derived from it. AC6 */
  readonly pepper: Redacted.Redacted | string
  /** The private key, as `KeyHash.signer` takes it; left out: a new one that nobody keeps. */
  readonly key?: Redacted.Redacted | undefined
  readonly every?: Duration.Input
}

export interface Compared {
  /** How many checkpoints were compared; the newest of them; how many lines no key of these nodes signed. */
  readonly checked: number
  readonly newest: Checkpoint | undefined
  readonly unsigned: number
  readonly problem: AuditProblem | undefined
}

/** A checkpoint with its line. */
export type Kept = Checkpoint & { readonly line: string }

export class AuditCheckpoints extends Context.Service<
  AuditCheckpoints,
  {
    /** The public key of this node. */
    readonly key: CheckpointKey
    /** Those of all nodes that are known, this one's too, and of those that were changed since: oldest first. Fails as `AuditKeys`, as all do. */
    readonly keys: Effect.Effect<ReadonlyArray<CheckpointKey>, HeraldError>
    /** Whether the line is whole, and signed with a key of these nodes. */
    readonly signed: (line: string) => Effect.Effect<boolean, HeraldError>
    /** Compares the log with this node's checkpoints and these lines. Fails as `AuditLog.marks`, and `Internal` when the file can't be read. */
    readonly compare: (lines: ReadonlyArray<string>) => Effect.Effect<Compared, HeraldError>
    /** Signs the end, unless it is signed already, or the log contradicts what was signed. */
    readonly sign: Effect.Effect<{ readonly newest?: Checkpoint; readonly problem?: AuditProblem }, HeraldError>
    /** The checkpoints of this node that are about entries from `from` to `to`, but for those that only the pepper signed; by entry. */
    readonly between: (from: bigint, to: bigint | undefined) => Effect.Effect<ReadonlyArray<Kept>, HeraldError>
  }
>()("herald/audit/AuditCheckpoints") {
  static readonly layer = (options: AuditCheckpointsOptions) => Layer.effect(AuditCheckpoints, make(options))
}

/** Milliseconds between two lines in the server's log, and between two of these that are not at debug. */
const TELL_EVERY = 60_000
const TELL_ALOUD_EVERY = 3_600_000
/** Signatures that are checked in one go: about two milliseconds. */
const AT_ONCE = 16
const THIN_EVERY = 256
/** Milliseconds between two looks whether the other nodes still find this one's key: newer ones may have taken its place. AC6 */
const INTRODUCE_EVERY = 3_600_000

const make = Effect.fnUntraced(function* (options: AuditCheckpointsOptions) {
  const log = yield* AuditLog
  const store = yield* CheckpointStore
  const known = yield* AuditKeys
  const { hash, equal, signer, verifies } = yield* KeyHash
  const clock = yield* Clock.Clock
  const { pepper } = options
  const secret = hash(typeof pepper === "string" ? pepper : Redacted.value(pepper), "herald/audit-checkpoints")
  const mac = (text: string) => hash(secret, text)
  const mine = signer(options.key === undefined ? undefined : Redacted.value(options.key))
  if (mine === undefined) return yield* Effect.die("the key that signs the audit log is none of Ed25519")
  const key: CheckpointKey = { id: mine.id, publicKey: mine.publicKey, at: clock.currentTimeMillisUnsafe() }

  /** Keys whose line has the seal, oldest first; this node's last unless it is among them. AC6 */
  const sealed = (lines: ReadonlyArray<string>) => {
    const found = new Map<string, CheckpointKey>()
    for (const line of lines) {
      const one = keyOf(line, { mac, equal })
      if (one !== undefined && !found.has(one.id)) found.set(one.id, one)
    }
    if (!found.has(key.id)) found.set(key.id, key)
    return found
  }
  const keysOf = (kept: ReadonlyArray<string>) =>
    Effect.map(known.list, (listed) => sealed([...kept.filter(isKeyLine), ...listed]))

  const read = Effect.fnUntraced(function* (lines: ReadonlyArray<string>, kept: ReadonlyArray<string>) {
    const keys = yield* keysOf(kept)
    const trust = { publicKeyOf: (id: string) => keys.get(id)?.publicKey, verifies, mac, equal }
    const found: Array<Kept> = []
    for (const [index, line] of lines.entries()) {
      if (index % AT_ONCE === AT_ONCE - 1) yield* Effect.yieldNow
      const checkpoint = checkpointOf(line, trust)
      if (checkpoint !== undefined) found.push({ ...checkpoint, line: line.trim() })
    }
    return found
  })

  const compare = Effect.fnUntraced(function* (lines: ReadonlyArray<string>) {
    const kept = yield* store.read
    const all = [...kept.filter((line) => !isKeyLine(line)), ...lines]
    const checkpoints = yield* read(all, kept)
    // The end of the log first, so that what is appended meanwhile is no contradiction.
    const last = yield* log.last
    const marks = yield* log.marks(checkpoints.map(({ id }) => id))
    return {
      checked: checkpoints.length,
      newest: checkpoints.reduce<Checkpoint | undefined>(newer, undefined),
      unsigned: all.length - checkpoints.length,
      problem: disagreement(checkpoints, marks, last?.id ?? 0n)
    } satisfies Compared
  })
  /** Of two of one entry, this node's own. */
  const newer = (a: Checkpoint | undefined, b: Checkpoint): Checkpoint =>
    a === undefined || b.id > a.id || (b.id === a.id && b.key === key.id) ? b : a

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
    }).pipe(
      Effect.andThen(Metric.update(broken, 1)),
      Effect.andThen(whole.fails(problem.message)),
      Effect.as({ problem })
    )

  const append = (line: string) =>
    store.append(line).pipe(
      Effect.tapError(({ message }) => kept.fails(message)),
      Effect.andThen(kept.works)
    )

  /** AC3, AC7 */
  const step = Effect.gen(function* () {
    const last = yield* log.last
    if (last === undefined && newest === undefined) return {}
    if (newest !== undefined) {
      const problem = disagreement([newest], yield* log.marks([newest.id]), last?.id ?? 0n)
      if (problem !== undefined) return yield* alarm(problem)
      if (last === undefined || (last.id <= newest.id && newest.key === key.id)) return { newest }
    }
    yield* Metric.update(broken, 0)
    yield* whole.works
    const at = clock.currentTimeMillisUnsafe()
    const checkpoint: Checkpoint = { ...last!, at, key: key.id }
    const line = lineOf(checkpoint, mine)
    yield* append(line)
    newest = checkpoint
    if (++lines >= THIN_EVERY) {
      lines = 0
      yield* store.replace(compacted(yield* store.read, thinned))
    }
    // AC4
    if (at - toldAt < TELL_EVERY) return { newest }
    toldAt = at
    const quietly = at - toldAloudAt < TELL_ALOUD_EVERY
    if (!quietly) toldAloudAt = at
    yield* Effect.logWithLevel(quietly ? "Debug" : "Info")("audit checkpoint", { checkpoint: line }).pipe(
      Effect.provideService(Evidence, true)
    )
    return { newest }
  })

  const now = () => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n)
  let introducedAt = Number.NEGATIVE_INFINITY

  /** AC5, AC6: beside the checkpoints, and where the other nodes find it. */
  const introduce = Effect.gen(function* () {
    const line = keyLineOf(key, mac)
    const isMine = (one: string) => keyOf(one, { mac, equal })?.id === key.id
    if (!(yield* store.read).some(isMine)) yield* append(line)
    if (!(yield* known.list).some(isMine)) yield* known.keep(key.id, line)
    introducedAt = now()
  })

  const begin = Effect.gen(function* () {
    yield* introduce
    const compared = yield* compare([])
    newest = compared.newest
    if (compared.unsigned > 0) {
      yield* Effect.logWarning("audit checkpoints that another key signed are left out", { lines: compared.unsigned })
    }
    return compared.problem === undefined ? undefined : yield* alarm(compared.problem)
  })

  let begun = false
  const turn = Semaphore.makeUnsafe(1)
  const next = turn.withPermits(1)(
    Effect.gen(function* () {
      if (begun) {
        if (now() - introducedAt >= INTRODUCE_EVERY) yield* introduce
        return yield* step
      }
      const alarmed = yield* begin
      begun = true // AC3: not before it was compared
      return alarmed ?? (yield* step)
    })
  )
  yield* Effect.forkScoped(every("no audit checkpoint", options.every ?? "10 seconds", next))

  return AuditCheckpoints.of({
    key,
    keys: Effect.flatMap(store.read, (own) => Effect.map(keysOf(own), (keys) => [...keys.values()])),
    signed: (line) => Effect.flatMap(store.read, (own) => Effect.map(read([line], own), (found) => found.length === 1)),
    compare,
    sign: next,
    between: Effect.fnUntraced(function* (from, to) {
      const own = yield* store.read
      const about = own.filter((line) => {
        const checkpoint = signedOf(line)?.checkpoint
        return checkpoint?.key !== undefined && checkpoint.id >= from && (to === undefined || checkpoint.id <= to)
      })
      return (yield* read(about, own)).toSorted((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0))
    })
  })
})

const broken = gauge(
  "herald_audit_broken",
  "1: the audit log is not the one that this node signed; `herald audit verify` says more"
)
