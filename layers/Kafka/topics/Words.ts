/**
 * What Kafka, and whatever connects to it, said of a failure.
 *
 *   FL3  A caller is told in Herald's own words what could not be done in Kafka; what a connection or a broker said (addresses, users, what its policies want)
 *        is in the log, each at most once a minute.
 */

/** An error in Herald's own words, which callers may read. */
export class OwnWords extends Error {}

/** For callers. FL3 */
export const wordsFor = (cause: unknown): string =>
  cause instanceof OwnWords ? cause.message : "it is away, or did not answer"

/** For the log: all that was said, from without to within. */
export const saidBy = (cause: unknown): string => {
  const all: Array<string> = []
  for (let at: unknown = cause; typeof at === "object" && at !== null && all.length < 8; ) {
    const { message, said, cause: within } = at as { message?: unknown; said?: unknown; cause?: unknown }
    for (const text of [message, said])
      if (typeof text === "string" && text !== "" && !all.includes(text)) all.push(text.slice(0, 1_000))
    at = within
  }
  return all.length === 0 ? String(cause) : all.join(": ")
}

/** Milliseconds for which what was said is not said again, and how many of them are remembered. */
const [AGAIN, MOST] = [60_000, 100]

/** Says what brokers said, but not the same again and again. FL3 */
export const makeWords = (
  say: (said: { readonly broker: string; readonly reason: string }) => void,
  now: () => number = () => performance.now()
) => {
  const said = new Map<string, number>()
  return (broker: string, cause: unknown): void => {
    const reason = saidBy(cause)
    const key = `${broker} ${reason}`
    if (now() - (said.get(key) ?? Number.NEGATIVE_INFINITY) < AGAIN) return
    if (said.size >= MOST) said.clear()
    said.set(key, now())
    say({ broker: broker === "" ? "any" : broker, reason })
  }
}
