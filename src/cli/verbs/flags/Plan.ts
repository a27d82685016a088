/**
 * Puts the changes of an import into releases. Pure.
 *
 *   FI2  Flags that need each other, in the file or as they are, go into one release as long as one holds them. Where it does not, what is
 *        needed is there before who needs it, and is archived after: such releases go one after the other, before the others.
 */
import { RELEASE_CHANGES } from "../../../values/Limits.ts"

/** Characters of one release, which stays below what a server takes. */
const RELEASE = 3_000_000

export interface Change {
  readonly flag: string
  readonly environment: string
  /** null: it is archived. */
  readonly value: unknown
  /** The version that it replaces; 0: it must not be there. FI3 */
  readonly expectedVersion?: number
  /** It is archived although it is evaluated. */
  readonly force?: boolean
}

type Release = ReadonlyArray<Change>

export interface Plan {
  readonly inOrder: ReadonlyArray<Release>
  /** In any order, also at the same time. */
  readonly together: ReadonlyArray<Release>
}

/** Names of the flags that a definition needs. It is not checked yet. */
const needsOf = (definition: unknown): ReadonlyArray<string> => {
  const needs = (definition as { readonly prerequisites?: unknown } | null | undefined)?.prerequisites
  return Array.isArray(needs) ? needs.map((one) => String((one as { readonly flag?: unknown } | null)?.flag)) : []
}

interface Sized {
  readonly change: Change
  readonly size: number
}

const fits = (count: number, size: number): boolean => count <= RELEASE_CHANGES && size <= RELEASE

/** In their order, each group whole. */
const packed = (groups: ReadonlyArray<ReadonlyArray<Sized>>): ReadonlyArray<Release> => {
  const releases: Array<Array<Change>> = []
  let [count, room] = [0, 0]
  for (const group of groups) {
    const size = group.reduce((sum, one) => sum + one.size, 0)
    if (releases.length === 0 || !fits(count + group.length, room + size)) {
      releases.push([])
      ;[count, room] = [0, 0]
    }
    releases.at(-1)!.push(...group.map(({ change }) => change))
    count += group.length
    room += size
  }
  return releases
}

/** `current`: definitions by the flags' names, as they are. */
export const planOf = (changes: ReadonlyArray<Change>, current: ReadonlyMap<string, unknown>): Plan => {
  const all = new Map(changes.map((change) => [change.flag, { change, size: JSON.stringify(change).length }]))
  const needs = new Map(
    changes.map(({ flag, value }) => [
      flag,
      new Set([...needsOf(value), ...needsOf(current.get(flag))].filter((other) => all.has(other)))
    ])
  )
  const linked = new Map(changes.map(({ flag }) => [flag, [] as Array<string>]))
  for (const [flag, others] of needs)
    for (const other of others) {
      linked.get(flag)!.push(other)
      linked.get(other)!.push(flag)
    }

  /** Those that are linked with the flag, itself too, over any number of others. */
  const groupOf = (flag: string, seen: Set<string>): ReadonlyArray<string> => {
    const found = [flag]
    seen.add(flag)
    for (const one of found)
      for (const next of linked.get(one)!)
        if (!seen.has(next)) {
          seen.add(next)
          found.push(next)
        }
    return found
  }

  const seen = new Set<string>()
  const groups: Array<ReadonlyArray<Sized>> = []
  const large: Array<ReadonlyArray<Sized>> = []
  for (const flag of all.keys()) {
    if (seen.has(flag)) continue
    const names = groupOf(flag, seen)
    const group = names.map((name) => all.get(name)!)
    if (fits(group.length, group.length === 1 ? 0 : group.reduce((sum, { size }) => sum + size, 0))) groups.push(group)
    else {
      const order = neededFirst(names, needs).map((name) => all.get(name)!)
      const [stay, gone] = [
        order.filter(({ change }) => change.value !== null),
        order.filter(({ change }) => change.value === null)
      ]
      large.push([...stay, ...gone.reverse()])
    }
  }
  return { inOrder: packed(large.flatMap((group) => group.map((one) => [one]))), together: packed(groups) }
}

/** A circle is broken anywhere: the server refuses it. */
const neededFirst = (
  names: ReadonlyArray<string>,
  needs: ReadonlyMap<string, ReadonlySet<string>>
): ReadonlyArray<string> => {
  const order = new Set<string>()
  const begun = new Set<string>()
  for (const first of names) {
    const path = [first]
    while (path.length > 0) {
      const flag = path.at(-1)!
      if (!begun.has(flag)) {
        begun.add(flag)
        for (const other of needs.get(flag)!) if (!begun.has(other)) path.push(other)
      } else {
        path.pop()
        order.add(flag)
      }
    }
  }
  return [...order]
}
