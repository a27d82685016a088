/**
 * Use cases on the audit log. All require audit.read, for entries without an environment in all environments. Fail `Unauthenticated`,
 * `Forbidden`, `InvalidInput`, and as `AuditLog` and `AuditCheckpoints`.
 *
 *   AE1  An export ends with an entry that is signed, so that a file whose end is cut can be told from one that is whole. Where the log contradicts
 *        what was signed it is exported as it is, with the checkpoints that show it, and without a new one.
 */
import { Effect } from "effect"
import { requirePermission } from "../access/Access.ts"
import { scopeOf } from "../access/KeyScope.ts"
import { failure } from "../errors/HeraldError.ts"
import { AuditCheckpoints } from "./AuditCheckpoints.ts"
import type { AuditProblem, HashedEntry } from "./AuditEntry.ts"
import { type AuditLine, linesOf } from "./AuditFile.ts"
import { AuditLog } from "./AuditLog.ts"

/** What an environment's entries are about. */
const OF_CONFIG = { kind: "config" } as const

/** Of an environment: entries of the keys that the caller may touch. */
export const readAudit = Effect.fn("Audit.read")(function* (options: {
  readonly limit: number
  readonly before?: bigint
  readonly after?: bigint
  readonly environment?: string
}) {
  const { environment } = options
  const identity = yield* requirePermission(
    "audit.read",
    environment,
    environment === undefined ? undefined : OF_CONFIG
  )
  const log = yield* AuditLog
  const scope = environment === undefined ? undefined : scopeOf(identity, "config")
  return yield* log.read({ ...options, ...(scope === undefined ? {} : { scope }) })
})

const notSigned =
  "checkpoint: this is no whole line that a key of these nodes signed: herald-audit-2, entry, hash, time, key and signature, with one space between"

/** Checks one page. Compares the checkpoints with the first and the last page, and with each for which the caller brings one. */
export const verifyAudit = Effect.fn("Audit.verify")(function* (options: {
  readonly from?: string
  readonly checkpoint?: string
}) {
  yield* requirePermission("audit.read", undefined)
  const log = yield* AuditLog
  const checkpoints = yield* AuditCheckpoints
  if (options.checkpoint !== undefined && !(yield* checkpoints.signed(options.checkpoint))) {
    return yield* failure("InvalidInput", notSigned) // AC1
  }
  const page = yield* log.check(options.from)
  const given = options.checkpoint === undefined ? [] : [options.checkpoint]
  const compared =
    options.from === undefined || page.next === undefined || given.length > 0
      ? yield* checkpoints.compare(given)
      : undefined
  const problem = page.problem ?? compared?.problem
  return { ...page, problem, next: problem === undefined ? page.next : undefined, compared }
})

export interface ExportPage {
  /** Entries, and each checkpoint after the entry that it is about, in the order of a file. */
  readonly lines: ReadonlyArray<AuditLine>
  /** The entry after which the next page begins; undefined at the end. */
  readonly next: bigint | undefined
  /** The newest entry that there is. */
  readonly last: bigint
  /** Why the end is not signed. */
  readonly problem: AuditProblem | undefined
}

/** Entries after this one, as they were hashed, with checkpoints between and the public keys that signed these. AE1 */
export const exportAudit = Effect.fn("Audit.export")(function* (options: {
  readonly after: bigint
  readonly limit: number
}) {
  yield* requirePermission("audit.read", undefined)
  const log = yield* AuditLog
  const checkpoints = yield* AuditCheckpoints
  const { after } = options
  const last = (yield* log.last)?.id ?? 0n
  if (after > last) return yield* failure("InvalidInput", `after: the audit log ends with entry ${last}`)
  const page = Effect.fnUntraced(function* (
    entries: ReadonlyArray<HashedEntry>,
    { to, ...rest }: { readonly to: bigint | undefined } & Pick<ExportPage, "next" | "last" | "problem">
  ) {
    const kept = yield* checkpoints.between(after, to)
    const used = new Set(kept.map(({ key }) => key))
    const keys = (yield* checkpoints.keys).filter(({ id }) => used.has(id))
    return { ...rest, lines: linesOf(keys, entries, kept) } satisfies ExportPage
  })

  const entries = yield* log.hashed(options)
  const end = entries.at(-1)?.id ?? after
  if (end < last) return yield* page(entries, { to: end, next: end, last, problem: undefined })

  const { newest, problem } = yield* checkpoints.sign
  if (problem !== undefined || newest === undefined) {
    return yield* page(entries, { to: undefined, next: undefined, last: end, problem })
  }
  if (newest.id === end) return yield* page(entries, { to: end, next: undefined, last: end, problem })
  // More was written meanwhile: up to what is signed now, and no further.
  const rest = yield* log.hashed({ ...options, upTo: newest.id })
  const to = rest.at(-1)?.id ?? after
  return yield* page(rest, { to, next: to < newest.id ? to : undefined, last: newest.id, problem })
})

/** The public key of this node, and all that are known. */
export const readAuditKeys = Effect.fn("Audit.keys")(function* () {
  yield* requirePermission("audit.read", undefined)
  const { key, keys } = yield* AuditCheckpoints
  return { current: key, keys: yield* keys }
})
