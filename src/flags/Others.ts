/** The flags of an environment as they would be with a release. Pure. */
import { Result } from "effect"
import type { FeatureFlag, FlagWish, Shape } from "./FeatureFlag.ts"
import type { Others } from "./Needs.ts"
import { readDefinition } from "./ReadDefinition.ts"

const none: Shape = { variants: [], prerequisites: [] }
const shapes = new WeakMap<FeatureFlag, Shape>()

/** Of a stored definition; kept, as it never changes. */
const shapeOf = (flag: FeatureFlag): Shape => {
  let shape = shapes.get(flag)
  if (shape === undefined) {
    const read = readDefinition(flag.definition)
    shape = Result.isFailure(read)
      ? none
      : { variants: [...read.success.variants.keys()], prerequisites: read.success.prerequisites }
    shapes.set(flag, shape)
  }
  return shape
}

/** `stored`: those that are there now, of one environment, and their bytes. `wishes`: of the release, of that environment. */
export const othersOf = (
  stored: ReadonlyMap<string, FeatureFlag>,
  bytes: number,
  wishes: ReadonlyArray<FlagWish>
): Others => {
  const wished = new Map(wishes.map((wish) => [wish.key, wish]))
  const shape = (key: string): Shape | undefined => {
    const wish = wished.get(key)
    if (wish !== undefined) return wish.definition === null ? undefined : wish
    const flag = stored.get(key)
    return flag && shapeOf(flag)
  }
  let needing: ReadonlyMap<string, ReadonlyArray<readonly [key: string, shape: Shape]>> | undefined
  /** Looked up once for all flags of a release. Only those that say it at all are read. */
  const lookUp = () => {
    const found = new Map<string, Array<readonly [string, Shape]>>()
    const add = (key: string, its: Shape | undefined) => {
      for (const { flag } of its?.prerequisites ?? []) found.set(flag, [...(found.get(flag) ?? []), [key, its!]])
    }
    for (const [key, { definition }] of stored) {
      if (!wished.has(key) && definition.includes('"prerequisites"')) add(key, shape(key))
    }
    for (const key of wished.keys()) add(key, shape(key))
    return found
  }
  return {
    shape,
    needing: (key) => (needing ??= lookUp()).get(key) ?? [],
    flags: stored.size,
    bytes
  }
}
