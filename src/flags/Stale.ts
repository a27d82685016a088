/**
 * Which flags nobody needs any more, and why. Pure.
 *
 *   UF1  A flag is unused when nobody asked for it, or told of an evaluation, for so many days, and it and the counting are older than that. Who
 *        takes all flags at once does not say which it uses: where there were such clients, the flag is only perhaps unused.
 *   UF2  A flag that others need is used when they are. A kill switch and a permission are there for the day on which they are needed: that they
 *        serve everyone the same says nothing.
 */

import type { Definition } from "../evaluation/Definition.ts"
import type { LastUse } from "../usage/Use.ts"

const DAY = 86_400_000
export const STALE_REASONS = ["unused", "same for everyone", "past its end"] as const

export interface Staleness {
  readonly reason: (typeof STALE_REASONS)[number]
  /** False: it may be used all the same. UF1 */
  readonly certain: boolean
  readonly problem: string
  readonly fix: string
}

export interface Known {
  readonly key: string
  readonly definition: Definition
  /** Milliseconds since 1970. */
  readonly createdAt: number
  readonly updatedAt: number
  readonly last: LastUse | undefined
  /** Of all flags at once. */
  readonly all: LastUse | undefined
  /** Flags that need it, over however many levels. */
  readonly neededBy: ReadonlySet<string>
}

export interface StaleOptions {
  readonly days: number
  /** Milliseconds since 1970. */
  readonly now: number
  /** When counting began, in milliseconds since 1970. */
  readonly since: number
}

/** A day, as people write it. */
const dayOf = (millis: number): string => new Date(millis).toISOString().slice(0, 10)
const few = (names: ReadonlySet<string>): string => [...names].slice(0, 3).join(", ") + (names.size > 3 ? ", …" : "")

export const stalenessOf = (
  { key, definition, createdAt, updatedAt, last, all, neededBy }: Known,
  { days, now, since }: StaleOptions
): ReadonlyArray<Staleness> => {
  const found: Array<Staleness> = []
  const before = now - days * DAY
  const { purpose, expectedEnd } = definition.about
  const archive = `take it out of the code (\`herald flag refs\` finds it), then \`herald flag archive ${key}\``

  const askedAt = last?.asked?.at ?? 0
  // UF1, UF2
  if (neededBy.size === 0 && createdAt < before && since < before && askedAt < before) {
    const givenAt = Math.max(last?.givenAt ?? 0, all?.givenAt ?? 0)
    const certain = givenAt < before
    const when =
      askedAt === 0
        ? `nobody evaluated it since ${dayOf(Math.max(createdAt, since))}`
        : `it was evaluated last on ${dayOf(askedAt)}`
    found.push({
      reason: "unused",
      certain,
      problem: certain
        ? when
        : `${when}, but clients that take all flags at once were here on ${dayOf(givenAt)}, and they don't say which they use`,
      fix: archive
    })
  }

  // UF2
  if (purpose !== "kill-switch" && purpose !== "permission" && updatedAt < before) {
    const served = !definition.enabled
      ? "it is disabled: everyone is served the caller's own default"
      : definition.targeting === undefined && definition.prerequisites.length === 0
        ? definition.defaultVariant === undefined
          ? "everyone is served the caller's own default"
          : `everyone is served ${definition.defaultVariant}`
        : undefined
    if (served !== undefined)
      found.push({
        reason: "same for everyone",
        certain: true,
        problem: `${served} since ${dayOf(updatedAt)}`,
        fix:
          neededBy.size === 0
            ? `make that the code's only way, then ${archive}`
            : `make that the code's only way; ${few(neededBy)} need it, so change those first, then ${archive}`
      })
  }

  if (expectedEnd !== undefined && expectedEnd < dayOf(now))
    found.push({
      reason: "past its end",
      certain: true,
      problem: `it was expected to be gone by ${expectedEnd}`,
      fix: `${archive}; or give it a later expectedEnd`
    })
  return found
}
