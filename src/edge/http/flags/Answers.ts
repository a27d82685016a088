/** Answers that routes of flags, and of what flags share, have in common. */
import type { Stored } from "../../../flags/Stored.ts"
import { PAGE_BYTES } from "../../../values/Page.ts"
import { jsonText } from "../Answer.ts"
import { storedText } from "./Wire.ts"

/** Entries of a page unless a request says how many. */
export const PAGE = 100

export interface Keys {
  readonly "idempotency-key"?: string
}

export const options = (message: string | undefined, headers: Keys) => ({
  message: message ?? "",
  idempotencyKey: headers["idempotency-key"]
})

export const one = (stored: Stored) =>
  jsonText(storedText(stored), {
    headers: { "cache-control": "private, no-cache", "herald-version": String(stored.version) }
  })

/** Those whose definitions are within a page (PB1), one at least. */
const within = (all: ReadonlyArray<Stored>): ReadonlyArray<Stored> => {
  let bytes = 0
  const end = all.findIndex((one) => (bytes += one.definition.length) > PAGE_BYTES)
  return end === -1 ? all : all.slice(0, Math.max(1, end))
}

/** A page of what was found, under a name. */
export const listed = (name: string, found: ReadonlyArray<Stored>, limit: number) => {
  const shown = within(found)
  const next = found.length < limit && shown.length === found.length ? null : (shown.at(-1)?.key ?? null)
  return jsonText(`{"${name}":[${shown.map(storedText).join(",")}],"next":${JSON.stringify(next)}}`)
}

/** A page of versions, newest first. */
export const versions = (found: ReadonlyArray<Stored>) => {
  const oldest = found.at(-1)?.version ?? 1
  const next = found.length === 0 || oldest <= 1 ? null : oldest
  return jsonText(`{"versions":[${found.map(storedText).join(",")}],"next":${next}}`)
}
