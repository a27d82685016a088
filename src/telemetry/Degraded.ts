/**
 * What this node goes on without at the moment: named in `/readyz` for people, a metric, and lines of the log.
 *
 *   DG1  A dependency that is named makes no node unready; only a view that the database does not confirm does.
 *   DG2  What fails is named, not only what can't be reached: a dependency that answers and refuses is one that is gone without.
 *   DG3  Each way of failing is told once when it begins, with why, and once when it is over.
 */
import { Context, Effect, Metric } from "effect"
import { gauge } from "./Metrics.ts"
import type { Dependency } from "./Readiness.ts"

export interface DegradedShape extends Iterable<Dependency> {
  /** `source`: which way of failing; a dependency works when none is left. */
  readonly add: (dependency: Dependency, source?: string) => void
  readonly delete: (dependency: Dependency, source?: string) => void
}

export const makeDegraded = (): DegradedShape => {
  const sources = new Map<Dependency, Set<string>>()
  return {
    add: (dependency, source = "") => {
      sources.set(dependency, (sources.get(dependency) ?? new Set()).add(source))
    },
    delete: (dependency, source = "") => {
      const left = sources.get(dependency)
      left?.delete(source)
      if (left?.size === 0) sources.delete(dependency)
    },
    [Symbol.iterator]: () => sources.keys()
  }
}

/** Those of a node; by default nobody notes them. */
export const Degraded = Context.Reference<DegradedShape>("herald/telemetry/Degraded", {
  defaultValue: () => ({ add: () => {}, delete: () => {}, [Symbol.iterator]: () => [][Symbol.iterator]() })
})

export interface Notice {
  /** How a dependency fails: a name that is unique in this dependency. */
  readonly source: string
  /** Said when it begins, and when it is over. */
  readonly began: string
  readonly ended: string
  readonly fields?: Readonly<Record<string, unknown>>
  /** True: this node's log tells of it already, in other words. */
  readonly quiet?: () => boolean
}

/** For who uses a dependency: tell each time whether it worked. DG2, DG3 */
export const notice = Effect.fnUntraced(function* (
  dependency: Dependency,
  { source, began, ended, fields, quiet }: Notice
) {
  const degraded = yield* Degraded
  const series = Metric.withAttributes(goesWithout, { dependency })
  let failing = false
  let told = false
  const shown = Effect.suspend(() => Metric.update(series, [...degraded].includes(dependency) ? 1 : 0))
  yield* shown
  return {
    failing: () => failing,
    /** `reason`: without secrets. */
    fails: (reason: string) =>
      Effect.suspend(() => {
        if (failing) return Effect.void
        failing = true
        degraded.add(dependency, source)
        told = quiet?.() !== true
        return Effect.andThen(shown, told ? Effect.logWarning(began, { dependency, ...fields, reason }) : Effect.void)
      }),
    works: Effect.suspend(() => {
      if (!failing) return Effect.void
      failing = false
      degraded.delete(dependency, source)
      return Effect.andThen(shown, told ? Effect.logInfo(ended, { dependency, ...fields }) : Effect.void)
    })
  }
})

const goesWithout = gauge("herald_degraded", "1: the node goes on without this dependency, or without a part of it")
