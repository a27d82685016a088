/**
 * How many shares of a subscription each node is to have: as its consumers are to all. Pure.
 *
 *   QA1  All nodes that know the same of each other come to the same: the quotas are as many as there are shares, and whoever has consumers has one
 *        before anybody has two.
 *   QA2  A single share stays where it is while its holder has consumers; then it is theirs who waited longest.
 *   QA3  Whoever can't follow the topic's log has none, unless nobody can.
 */
export interface Weight {
  readonly run: string
  readonly consumers: number
  readonly isBehind?: boolean
}

/** `all`: the one first that has waited longest. */
export const quotasOf = (
  shares: number,
  all: ReadonlyArray<Weight>,
  holder: string | undefined
): ReadonlyMap<string, number> => {
  const able = all.filter(({ isBehind = false }) => !isBehind)
  const nodes = able.length > 0 ? able : all // QA3
  if (nodes.length === 0 || shares === 0) return new Map()
  if (shares === 1) return new Map([[nodes.some(({ run }) => run === holder) ? holder! : nodes[0]!.run, 1]]) // QA2
  const first = nodes.slice(0, shares)
  const quotas = new Map(first.map(({ run }) => [run, 1]))
  const consumers = first.reduce((sum, one) => sum + one.consumers, 0)
  // One by one to whom most is owed; there are few shares.
  for (let left = shares - first.length; left > 0; left--) {
    const owed = ({ run, consumers: its }: Weight) => (shares * its) / consumers - quotas.get(run)!
    const [most] = [...first].sort((a, b) => owed(b) - owed(a) || (a.run < b.run ? -1 : 1))
    quotas.set(most!.run, quotas.get(most!.run)! + 1)
  }
  return quotas
}
