/** What a condition throws when waiting is in vain: it will never hold. */
export class InVain extends Error {
  override readonly name = "InVain"
}

/**
 * Polls until `look` gives something other than undefined, null or false. Time decides only when to give up: one that throws does not
 * hold yet, and what it threw last is the cause of giving up. `InVain` ends the wait at once, and so does an assertion: what must hold at
 * every look is a verdict.
 */
export const waitUntil = async <A>(
  what: string,
  look: () => A | undefined | null | false | Promise<A | undefined | null | false>,
  patience = 60_000
): Promise<A> => {
  let last: unknown
  for (const until = performance.now() + patience; performance.now() < until; ) {
    try {
      const found = await look()
      if (found !== undefined && found !== null && found !== false) return found as A
      last = undefined
    } catch (error) {
      if (error instanceof InVain || (error as Error | undefined)?.name === "AssertionError") throw error
      last = error
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const why = last === undefined ? "" : `; at last: ${last instanceof Error ? last.message : String(last)}`
  throw new Error(`waited ${patience} ms in vain for: ${what}${why}`, { cause: last })
}
