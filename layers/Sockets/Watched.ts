/**
 * Reads files again when they change.
 *
 *   WY1  What changed is taken once it was the same in two looks, so that a file that is being written is not read by half.
 *   WY2  What is wrong by then is told once, and what was read before stays in use.
 */
import { statSync } from "node:fs"
import { Effect, type Scope } from "effect"
import { afterEvery } from "../../src/telemetry/Every.ts"

/** Half of the time in which what is no longer good has to be noticed: A3 in src/access/Access.ts */
const EVERY = "1 second"

/** Tells one state of a file from another, also behind a link. */
const stampOf = (file: string): string => {
  try {
    const { ino, size, mtimeNs, ctimeNs } = statSync(file, { bigint: true })
    return `${ino} ${size} ${mtimeNs} ${ctimeNs}`
  } catch {
    return "none"
  }
}

export interface WatchedOptions<A> {
  /** Paths. */
  readonly files: ReadonlyArray<string>
  /** What was read already. */
  readonly first: A
  /** Throws what is wrong with them. */
  readonly read: () => A
  /** What is told, such as "the certificate was not renewed". */
  readonly failed: string
  /** It was read anew, and may be as it was. */
  readonly changed: (now: A) => Effect.Effect<void>
}

/** Gives what was read last. */
export const watched = Effect.fnUntraced(function* <A>({
  files,
  first,
  read,
  failed,
  changed
}: WatchedOptions<A>): Effect.fn.Return<() => A, never, Scope.Scope> {
  let value = first
  const stamp = () => files.map(stampOf).join("\n")
  let taken = "" // the first look reads once more: what was written since `first` was read is not missed
  let seen = stamp()
  const look = Effect.suspend(() => {
    const now = stamp()
    const isSteady = now === seen
    seen = now
    if (!isSteady || now === taken) return Effect.void // WY1
    taken = now
    try {
      value = read()
    } catch (cause) {
      return Effect.logWarning(failed, { reason: (cause as Error).message }) // WY2
    }
    return changed(value)
  })
  yield* Effect.forkScoped(afterEvery(`${failed}: the files were not looked at`, EVERY, look))
  return () => value
})
