/**
 * Keeps for each bucket of a histogram an exemplar, that is, a trace with such a value, so that a percentile on a dashboard leads to a trace.
 *
 *   TE10  A bucket has at most one exemplar, the newest of a trace that is sampled; noting one more costs no memory.
 */
import { Context } from "effect"

export interface Exemplar {
  readonly traceId: string
  readonly spanId: string
  readonly value: number
  /** Milliseconds since 1970. */
  readonly at: number
}

/** By the histogram's name, then by the number of the bucket; the last bucket takes everything above the boundaries. */
export interface ExemplarsShape {
  readonly of: (histogram: string) => ReadonlyArray<Exemplar | undefined>
  readonly keep: (histogram: string, bucket: number, exemplar: Exemplar) => void
}

export class ExemplarStore implements ExemplarsShape {
  readonly #of = new Map<string, Array<Exemplar | undefined>>()

  of(histogram: string): ReadonlyArray<Exemplar | undefined> {
    return this.#of.get(histogram) ?? []
  }

  keep(histogram: string, bucket: number, exemplar: Exemplar): void {
    const kept = this.#of.get(histogram) ?? []
    kept[bucket] = exemplar
    this.#of.set(histogram, kept)
  }
}

/** The exemplars of this node; by default nobody keeps them. */
export const Exemplars = Context.Reference<ExemplarsShape>("herald/telemetry/Exemplars", {
  defaultValue: () => ({ of: () => [], keep: () => {} })
})

/** W3C trace context level 1: 00-trace-span-flags, of which the last bit says that it is sampled. */
const W3C = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/

/** Notes exemplars of one histogram with these `boundaries`. Of each bucket only the first between two calls of `next` is looked at. */
export const makeNote = (store: ExemplarsShape, histogram: string, boundaries: ReadonlyArray<number>) => {
  const noted = new Set<number>()
  /** What was found in the last traceparent: a thousand clients are told of one change, and so of one trace. */
  let last: { readonly traceparent: string; readonly ids: readonly [traceId: string, spanId: string] | undefined } = {
    traceparent: "",
    ids: undefined
  }
  const sampled = (traceparent: string) => {
    if (last.traceparent === traceparent) return last.ids
    const [, traceId, spanId, flags] = W3C.exec(traceparent) ?? []
    const isSampled = traceId !== undefined && (Number.parseInt(flags!, 16) & 1) === 1
    last = { traceparent, ids: isSampled ? [traceId, spanId!] : undefined }
    return last.ids
  }
  return {
    note: (value: number, traceparent: string, at: number): void => {
      const ids = sampled(traceparent)
      if (ids === undefined) return
      const place = boundaries.findIndex((boundary) => value <= boundary)
      const bucket = place < 0 ? boundaries.length : place
      if (noted.has(bucket)) return
      noted.add(bucket)
      store.keep(histogram, bucket, { traceId: ids[0], spanId: ids[1], value, at }) // TE10
    },
    next: (): void => noted.clear()
  }
}
