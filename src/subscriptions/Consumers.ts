/**
 * Who takes part in a subscription on this node, how much each may still get, and whose turn it is. Pure state.
 *
 *   CY1  A consumer gets no more than it granted: what it granted in all, less what it was sent in all. So neither a grant that is said twice nor one
 *        that is lost leaves it stuck, and there is never less than none.
 *   CY2  Whoever comes with the name of another takes its place; of another principal's consumers none has the same name.
 *   CY3  One consumer has everything where the type says so: of a failover subscription the one that came first, and then the next; of an exclusive
 *        one the only one.
 *   CY4  A hash is one consumer's while the same ones are there; when one comes or goes, only what it gets or had moves.
 */
import { hashText } from "../evaluation/Murmur.ts"
import type { Item } from "./Item.ts"
import { isSingle, type SubscriptionType } from "./Subscription.ts"

export interface Consumer<B> {
  readonly name: string
  /** One connection of it. */
  readonly session: string
  readonly seed: number
  granted: number
  sent: number
  /** Deliveries that it has not answered. */
  out: number
  /** It takes nothing at the moment, whatever it granted. */
  stalled: boolean
  /** What it is to have alone: it gets nothing else until that is answered. */
  reserved: Item<B> | undefined
}

export const roomOf = ({ granted, sent, stalled }: Consumer<unknown>): number =>
  stalled ? 0 : Math.max(0, granted - sent)

const mixed = (seed: number, hash: number): number => {
  let one = Math.imul(seed ^ Math.imul(hash + 1, 0x9e3779b1), 0x85ebca6b)
  one = Math.imul(one ^ (one >>> 13), 0xc2b2ae35)
  return (one ^ (one >>> 16)) >>> 0
}

export class Consumers<B> {
  readonly #type: SubscriptionType
  /** By session, in the order in which they came. */
  readonly #all = new Map<string, Consumer<B>>()
  /** By hash. CY4 */
  readonly #owners = new Map<number, Consumer<B>>()
  /** The session that was given something last. */
  #last = ""

  constructor(type: SubscriptionType) {
    this.#type = type
  }

  get all(): ReadonlyArray<Consumer<B>> {
    return [...this.#all.values()]
  }

  get size(): number {
    return this.#all.size
  }

  get(session: string): Consumer<B> | undefined {
    return this.#all.get(session)
  }

  named(name: string): Consumer<B> | undefined {
    return this.all.find((one) => one.name === name)
  }

  add(name: string, session: string): Consumer<B> {
    const consumer = {
      name,
      session,
      seed: hashText(name),
      granted: 0,
      sent: 0,
      out: 0,
      stalled: false,
      reserved: undefined
    }
    this.#all.set(session, consumer)
    this.#owners.clear()
    return consumer
  }

  delete(session: string): void {
    this.#all.delete(session)
    this.#owners.clear()
  }

  /** CY1 */
  grant(session: string, granted: number): void {
    const consumer = this.#all.get(session)
    if (consumer !== undefined) consumer.granted = Math.max(consumer.granted, granted)
  }

  /** Whoever has everything. CY3 */
  get active(): Consumer<B> | undefined {
    return isSingle(this.#type) ? this.#all.values().next().value : undefined
  }

  /** Whose it is; undefined: anybody's. CY4 */
  ownerOf({ hash, lane }: Item<B>): Consumer<B> | undefined {
    if (isSingle(this.#type)) return this.active
    if (lane === undefined) return undefined
    const known = this.#owners.get(hash)
    if (known !== undefined) return known
    let [owner, best]: [Consumer<B> | undefined, number] = [undefined, -1]
    for (const one of this.#all.values()) {
      const weight = mixed(one.seed, hash)
      if (weight > best || (weight === best && one.session < owner!.session)) [owner, best] = [one, weight]
    }
    if (owner !== undefined) this.#owners.set(hash, owner)
    return owner
  }

  /** All of them, those first that were given something longest ago. */
  get inTurn(): ReadonlyArray<Consumer<B>> {
    const all = this.all
    const last = all.findIndex(({ session }) => session === this.#last)
    return last === -1 ? all : [...all.slice(last + 1), ...all.slice(0, last + 1)]
  }

  served({ session }: Consumer<B>): void {
    this.#last = session
  }
}
