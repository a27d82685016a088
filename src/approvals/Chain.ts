/**
 * Whose keys an approver has. Pure.
 *
 *   AQ10 A key is its author's who made it, and so is each that was made with one of those, however far: by the principals that the keys name.
 */
/** An API key, of whom and by whom. */
interface Made {
  readonly name: string
  readonly createdBy: string
}

/**
 * Whether the key was made by `author`, or by somebody of whom a key was, and so on. Keys that rotation gave have their maker's name; what a principal
 * made for itself leads nowhere but to its own other keys.
 */
export const comesFrom = (author: string, key: Pick<Made, "createdBy">, keys: ReadonlyArray<Made>): boolean => {
  const seen = new Set<string>()
  const next = [key.createdBy]
  for (let at = next.pop(); at !== undefined; at = next.pop()) {
    if (at === author) return true
    if (seen.has(at)) continue
    seen.add(at)
    for (const { name, createdBy } of keys) if (name === at) next.push(createdBy)
  }
  return false
}
