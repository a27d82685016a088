/** What one environment has for flags as it would be with a release. Pure. */
import { Result } from "effect"
import { ANY, readDefinition } from "../evaluation/ReadDefinition.ts"
import type { FeatureFlag, FlagWish, Shape } from "./FeatureFlag.ts"
import type { KeptWish } from "./FlagDraft.ts"
import type { FlagSettings } from "./FlagSettings.ts"
import type { Others } from "./Needs.ts"
import type { Segment, SegmentWish } from "./Segment.ts"
import type { Stored } from "./Stored.ts"

const none: Shape = { variants: [], prerequisites: [] }
const shapes = new WeakMap<FeatureFlag, Shape>()

/** Of a stored definition; kept, as it never changes. */
export const shapeOf = (flag: FeatureFlag): Shape => {
  let shape = shapes.get(flag)
  if (shape === undefined) {
    const read = readDefinition(flag.definition, ANY)
    shape = Result.isFailure(read)
      ? none
      : { variants: [...read.success.variants.keys()], prerequisites: read.success.prerequisites }
    shapes.set(flag, shape)
  }
  return shape
}

/** What is there now, and the bytes of its definitions. */
export interface There<C extends Stored> {
  readonly byKey: ReadonlyMap<string, C>
  readonly bytes: number
}
export interface Before {
  readonly flag: There<FeatureFlag>
  readonly segment: There<Segment>
  readonly flag_settings: There<FlagSettings>
}

const byName = <W extends KeptWish>(wishes: ReadonlyArray<KeptWish>, kind: W["kind"]): ReadonlyMap<string, W> =>
  new Map(wishes.filter((wish): wish is W => wish.kind === kind).map((wish) => [wish.key, wish]))

/** `before`: of one environment. `wishes`: of the release, of that environment. */
export const othersOf = ({ flag, segment, flag_settings }: Before, wishes: ReadonlyArray<KeptWish>): Others => {
  const flags = byName<FlagWish>(wishes, "flag")
  const segments = byName<SegmentWish>(wishes, "segment")
  const stored = flag.byKey
  const shape = (key: string): Shape | undefined => {
    const wish = flags.get(key)
    if (wish !== undefined) return wish.definition === null ? undefined : wish
    const its = stored.get(key)
    return its && shapeOf(its)
  }
  let needing: ReadonlyMap<string, ReadonlyArray<readonly [key: string, shape: Shape]>> | undefined
  /** Looked up once for all flags of a release. Only those that say it at all are read. */
  const lookUp = () => {
    const found = new Map<string, Array<readonly [string, Shape]>>()
    const add = (key: string, its: Shape | undefined) => {
      for (const { flag } of its?.prerequisites ?? []) found.set(flag, [...(found.get(flag) ?? []), [key, its!]])
    }
    for (const [key, { definition }] of stored) {
      if (!flags.has(key) && definition.includes('"prerequisites"')) add(key, shape(key))
    }
    for (const key of flags.keys()) add(key, shape(key))
    return found
  }
  return {
    shape,
    needing: (key) => (needing ??= lookUp()).get(key) ?? [],
    uses: (name) => {
      const wish = segments.get(name)
      if (wish !== undefined) return wish.definition === null ? undefined : (wish.uses ?? [])
      const its = segment.byKey.get(name)
      return its && (its.uses ?? [])
    },
    user: (name) => {
      for (const [noun, wished, there] of [
        ["flag", flags, stored],
        ["segment", segments, segment.byKey]
      ] as const) {
        for (const [key, wish] of wished)
          if (wish.definition !== null && wish.uses?.includes(name)) return `the ${noun} ${key}`
        for (const [key, { uses }] of there) if (!wished.has(key) && uses?.includes(name)) return `the ${noun} ${key}`
      }
      return undefined
    },
    segmentNames: () => [...segment.byKey.keys(), ...segments.keys()],
    before: {
      flag: { count: stored.size, bytes: flag.bytes },
      segment: { count: segment.byKey.size, bytes: segment.bytes },
      flag_settings: { count: flag_settings.byKey.size, bytes: flag_settings.bytes }
    }
  }
}
