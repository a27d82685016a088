/**
 * Makes a version of a message: applies its delta, checks its digest.
 *
 *   I1  What comes out has exactly the digest that the server named.
 */
import { type ConfigUpdate, UpdateKind } from "../../proto/generated/herald/distribution/v1/distribution.ts"
import { patched } from "../delta/Delta.ts"
import { messageOf } from "./ClientError.ts"
import type { Version } from "./Entry.ts"
import { sha256, utf8 } from "./Platform.ts"

export type Incoming =
  | { readonly kind: "version"; readonly version: Version }
  /** A delta that can't be used: everything must be asked for again, whole. DT4 */
  | { readonly kind: "mismatch"; readonly reason: string }
  /** Sent whole and still wrong: asking again would bring the same. */
  | { readonly kind: "broken"; readonly version: Version; readonly reason: string }

const versionOf = (update: ConfigUpdate, content: string, digest: string): Version => ({
  key: update.key,
  version: Number(update.version),
  revision: update.revision,
  epoch: update.epoch,
  format: update.format,
  content,
  digest,
  deleted: update.kind === UpdateKind.UPDATE_KIND_DELETED,
  strict: update.strict,
  unconfirmed: update.stale,
  source: "live",
  traceparent: update.traceparent
})

/** `base` finds the text that a delta builds on. */
export const incoming = (update: ConfigUpdate, base: (digest: string) => string | undefined): Incoming => {
  if (update.kind === UpdateKind.UPDATE_KIND_DELETED) return { kind: "version", version: versionOf(update, "", "") }
  const broken = (reason: string): Incoming =>
    update.deltaBase === ""
      ? { kind: "broken", version: versionOf(update, "", update.digest), reason }
      : { kind: "mismatch", reason }
  try {
    const text = utf8(update.content)
    const whole = update.deltaBase === "" ? text : fromBase(base(update.deltaBase), text)
    const digest = sha256(whole)
    if (digest !== update.digest && (update.digest !== "" || update.deltaBase !== "")) {
      return broken(`the content has the digest ${digest}, not ${update.digest}`) // I1
    }
    return { kind: "version", version: versionOf(update, whole, digest) }
  } catch (error) {
    return broken(messageOf(error))
  }
}

const fromBase = (base: string | undefined, delta: string): string => {
  if (base === undefined) throw new Error("the delta builds on a content that is not held")
  return patched(base, delta)
}
