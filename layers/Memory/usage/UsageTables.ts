/** The tables of how flags are used, in a `State`. Pure state. */
import type { Exposed, LastUse, Recorded, Track, Use } from "../../../src/usage/Use.ts"

/** Days since 1970, UTC. */
export const dayOf = (millis: number): number => Math.floor(millis / 86_400_000)

type In<A> = A & { readonly environment: string }
interface Totals {
  readonly day: number
  counts: number
  exposures: number
  tracks: number
}

export class UsageTables {
  since: number | undefined
  readonly batches = new Map<string, { readonly at: number; readonly became: Recorded }>()
  /** By their primary keys. */
  readonly counts = new Map<string, In<Use>>()
  readonly exposures = new Map<string, In<Exposed>>()
  /** By "<environment>/<flag>". */
  readonly last = new Map<string, LastUse>()
  tracks: Array<In<Track>> = []
  readonly #environments = new Map<string, { readonly sdks: Set<string>; totals: Totals }>()

  of(environment: string) {
    let found = this.#environments.get(environment)
    if (found === undefined) {
      found = { sdks: new Set(), totals: { day: 0, counts: 0, exposures: 0, tracks: 0 } }
      this.#environments.set(environment, found)
    }
    return found
  }

  /** What the environment got of a day; of an earlier one it is forgotten. */
  totalsOf(environment: string, day: number): Totals {
    const found = this.of(environment)
    if (found.totals.day !== day) found.totals = { day, counts: 0, exposures: 0, tracks: 0 }
    return found.totals
  }

  lastOf(environment: string, flag: string): LastUse | undefined {
    return this.last.get(`${environment}/${flag}`)
  }
}
