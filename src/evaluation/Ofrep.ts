/**
 * Evaluations as OFREP 0.3 writes them: https://github.com/open-feature/protocol. Pure.
 *
 *   OF1  An answer has no `value` where the caller's own default is served, and each error has its details: older clients read them.
 */
import type { Resolution } from "./Resolution.ts"

const parts = new WeakMap<Resolution, string>()

/** What stands behind the key; kept, as answers are shared by all who get them. */
const partOf = (resolution: Resolution): string => {
  let part = parts.get(resolution)
  if (part === undefined) {
    const { value, variant, reason, errorCode, errorDetails, metadata } = resolution
    const said = errorCode === undefined ? { value, variant, reason, metadata } : { errorCode, errorDetails, metadata }
    part = JSON.stringify(said).slice(1)
    parts.set(resolution, part)
  }
  return part
}

/** OF1 */
export const evaluation = (key: string, resolution: Resolution): string =>
  `{"key":${JSON.stringify(key)},${partOf(resolution)}`

/** Of several flags, in the order in which they are given. `eventStreams`, JSON: where changes are told. */
export const evaluations = (
  all: ReadonlyArray<readonly [key: string, resolution: Resolution]>,
  eventStreams?: string
): string => {
  const flags = `"flags":[${all.map(([key, resolution]) => evaluation(key, resolution)).join(",")}]`
  return eventStreams === undefined ? `{${flags}}` : `{${flags},"eventStreams":${eventStreams}}`
}
