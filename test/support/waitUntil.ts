/** Polls until `look` gives something other than undefined, null or false. Time decides only when to give up. */
export const waitUntil = async <A>(
  what: string,
  look: () => A | undefined | null | false | Promise<A | undefined | null | false>,
  patience = 60_000
): Promise<A> => {
  for (const until = performance.now() + patience; performance.now() < until; ) {
    const found = await look()
    if (found !== undefined && found !== null && found !== false) return found as A
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error(`waited ${patience} ms in vain for: ${what}`)
}
