/** Which topics have market data. Pure. */

export interface Covered {
  /** What all of their names begin with. */
  readonly prefix: string
  readonly covers: (name: string) => boolean
}

/** `topics`: a name, a name with /* for all below it, or * for all. */
export const coveredBy = (topics: string): Covered => {
  if (topics === "*") return { prefix: "", covers: () => true }
  if (!topics.endsWith("/*")) return { prefix: topics, covers: (name) => name === topics }
  const prefix = topics.slice(0, -1)
  return { prefix, covers: (name) => name.startsWith(prefix) }
}
