/**
 * How many shares of a subscription each node is to have: as its consumers are to all. Pure.
 *
 *   QA1  All nodes that know the same of each other come to the same: the quotas are as many as there are shares, and whoever has consumers has one
 *        before anybody has two.
 *   QA2  A single share stays where it is while its holder has consumers; then it is theirs who waited longest.
 *   QA3  Whoever can't follow the topic's log has none, unless nobody can.
 *   QA4  What that costs grows with the nodes, and not with the shares.
 */
export interface Weight {
  readonly run: string
  readonly consumers: number
  readonly isBehind?: boolean
}

const byRun = (a: Weight, b: Weight): number => (a.run < b.run ? -1 : 1)

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
  const first = nodes.slice(0, shares).map(({ run, consumers }) => ({ run, consumers }))
  const quotas = new Map(first.map(({ run }) => [run, 1]))
  const rest = first.toSorted((a, b) => b.consumers - a.consumers || byRun(a, b))
  let [left, consumers] = [shares, first.reduce((sum, one) => sum + one.consumers, 0)]
  // Who is owed less than one share has one, the fewest consumers first: that leaves less to the others.
  for (let least = rest.at(-1)!; left * least.consumers < consumers; least = rest.at(-1)!) {
    rest.pop()
    left--
    consumers -= least.consumers
  }
  // Each of the others the whole shares that it is owed, and one more whoever is owed most of another.
  const owed = rest.map((one) => ({ ...one, over: (left * one.consumers) % consumers }))
  let more = left
  for (const { run, consumers: its, over } of owed) {
    const whole = (left * its - over) / consumers
    quotas.set(run, whole)
    more -= whole
  }
  owed.sort((a, b) => b.over - a.over || byRun(a, b))
  for (const { run } of owed.slice(0, more)) quotas.set(run, quotas.get(run)! + 1)
  return quotas
}

/** So that nothing is worked out again that is the same. */
export const sameWeights = (a: ReadonlyArray<Weight>, b: ReadonlyArray<Weight>): boolean =>
  a.length === b.length &&
  a.every(({ run, consumers, isBehind }, n) => {
    const other = b[n]!
    return run === other.run && consumers === other.consumers && isBehind === other.isBehind
  })
