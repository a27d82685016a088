/** When the flags of each environment changed, as far as this node heard. Pure state. */
import { isNewer, type Position, sameEpoch } from "../propagation/Position.ts"

interface Heard {
  readonly at: Position
  /** Milliseconds since 1970, by this node's clock. */
  readonly when: number
}

export class Changed {
  readonly #newest = new Map<string, Heard>()
  /** What was before that is not known. */
  #since: Heard

  constructor(at: Position, when: number) {
    this.#since = { at, when }
  }

  note(environment: string, at: Position, when: number): void {
    this.#newest.set(environment, { at, when })
  }

  /** Everything may have changed. */
  reset(at: Position, when: number): void {
    this.#newest.clear()
    this.#since = { at, when }
  }

  /** Whether something may have changed for whoever has the flags as they were at `position`. */
  after(environment: string, position: Position): boolean {
    const { at } = this.#newest.get(environment) ?? this.#since
    return !sameEpoch(at, position) || isNewer(at, position)
  }

  /** Whether something may have changed since then, in milliseconds since 1970. */
  since(environment: string, when: number): boolean {
    return (this.#newest.get(environment) ?? this.#since).when >= when
  }
}
