/** What routes of flags, and of what flags share, have in common. */
import { Effect } from "effect"
import type { HttpServerRequest } from "effect/http"
import { requirePermission } from "../../../access/Access.ts"
import { failure, type HeraldError } from "../../../errors/HeraldError.ts"
import type { FlagDraft, FlagWritten, KeptKind } from "../../../flags/FlagDraft.ts"
import type { Stored } from "../../../flags/Stored.ts"
import { PAGE_BYTES } from "../../../values/Page.ts"
import type { Written } from "../../../values/Written.ts"
import { jsonText } from "../Answer.ts"
import type { OverSaid } from "../Wire.ts"
import { published, storedText } from "./Wire.ts"

/** Entries of a page unless a request says how many. */
export const PAGE = 100

export interface Keys {
  readonly "idempotency-key"?: string
}

export const options = (message: string | undefined, headers: Keys, { force, breakGlass }: OverSaid = {}) => ({
  message: message ?? "",
  force,
  breakGlass,
  idempotencyKey: headers["idempotency-key"]
})

type Request = HttpServerRequest.HttpServerRequest

/** A body that says what something is to be. */
interface Said {
  readonly value: unknown
  readonly message?: string | undefined
  readonly expectedVersion?: number | undefined
}

/** Reads the draft of a flag or a segment. */
export const readDraft = Effect.fnUntraced(function* (
  read: (request: Request) => Effect.Effect<Said, HeraldError>,
  request: Request,
  kind: "flag" | "segment",
  environment: string,
  key: string
) {
  yield* requirePermission("config.write", environment, { kind, key }) // B5
  const { value, message, expectedVersion } = yield* read(request)
  const definition = value as Written | null
  if (definition === null) {
    return yield* failure("InvalidInput", `value: null is no definition; to archive the ${kind} use DELETE`)
  }
  const draft: FlagDraft = { kind, environment, key, definition: definition.text, expectedVersion }
  return { draft, message }
})

/** What became of it. An idempotency key may have been used for something else. */
export const became = (made: FlagWritten, kind: KeptKind, environment: string, key: string) => {
  const fields = published(made, kind, environment, key)
  if (fields !== undefined) return Effect.succeed(fields)
  const it = kind === "flag_settings" ? "these settings" : `this ${kind}`
  return Effect.fail(failure("IdempotencyConflict", `the key was used for a commit that did not touch ${it}`))
}

/** The version that it has now, for scripts. */
export const versioned = ({ version }: { readonly version: number }) => ({
  headers: { "herald-version": String(version) }
})

/** `stale`: the database did not confirm that what is read is the newest. */
export const marked = (stale: boolean) => ({ "herald-stale": String(stale) })

/** Of a version that is known to be old, nothing is stale. */
export const one = (stored: Stored, stale = false) =>
  jsonText(storedText(stored), {
    headers: { "cache-control": "private, no-cache", "herald-version": String(stored.version), ...marked(stale) }
  })

/** Those whose definitions are within a page (PB1), one at least. */
const within = (all: ReadonlyArray<Stored>): ReadonlyArray<Stored> => {
  let bytes = 0
  const end = all.findIndex((one) => (bytes += one.definition.length) > PAGE_BYTES)
  return end === -1 ? all : all.slice(0, Math.max(1, end))
}

/** A page of what was found, under a name. */
export const listed = (name: string, found: ReadonlyArray<Stored>, limit: number, stale: boolean) => {
  const shown = within(found)
  const next = found.length < limit && shown.length === found.length ? null : (shown.at(-1)?.key ?? null)
  return jsonText(`{"${name}":[${shown.map(storedText).join(",")}],"next":${JSON.stringify(next)}}`, {
    headers: marked(stale)
  })
}

/** A page of versions, newest first. */
export const versions = (found: ReadonlyArray<Stored>) => {
  const oldest = found.at(-1)?.version ?? 1
  const next = found.length === 0 || oldest <= 1 ? null : oldest
  return jsonText(`{"versions":[${found.map(storedText).join(",")}],"next":${next}}`)
}
