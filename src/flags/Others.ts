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
  return {
    shape,
    needing: function* (key) {
      for (const other of new Set([...stored.keys(), ...wished.keys()])) {
        // Only those that say it at all are read.
        if (!wished.has(other) && !stored.get(other)!.definition.includes('"prerequisites"')) continue
        const its = shape(other)
        if (its?.prerequisites.some(({ flag }) => flag === key)) yield [other, its]
      }
    },
    flags: stored.size,
    bytes
  }
}
