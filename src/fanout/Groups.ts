/**
 * The groups of a topic's readers, by what they want. State without work.
 *
 *   BX33 A batch is taken to those groups alone whose filter takes some of it, and to those without a filter: others cost it nothing.
 */
import type { Group, Looker } from "./Group.ts"

export class Groups {
  readonly #byKey = new Map<string, Group>()
  /** Those that take all events. */
  readonly all = new Set<Group>()
  readonly #byFilter = new Map<Looker, Map<object, Set<Group>>>()

  get size(): number {
    return this.#byKey.size
  }

  get(key: string): Group | undefined {
    return this.#byKey.get(key)
  }

  values(): IterableIterator<Group> {
    return this.#byKey.values()
  }

  /** Some want a part of the events. */
  get isSelecting(): boolean {
    for (const { selection } of this.#byKey.values()) if (selection !== undefined) return true
    return false
  }

  /** The same filter and fields, of another schema. */
  reselect(group: Group, selection: Group["selection"]): void {
    if (this.#byKey.get(group.key) !== group) return
    this.delete(group)
    group.reselect(selection)
    this.add(group)
  }

  add(group: Group): void {
    this.#byKey.set(group.key, group)
    const { looker, filter } = group.selection ?? {}
    if (looker === undefined || filter === undefined) {
      this.all.add(group)
      return
    }
    let filters = this.#byFilter.get(looker)
    if (filters === undefined) this.#byFilter.set(looker, (filters = new Map()))
    const groups = filters.get(filter)
    if (groups === undefined) filters.set(filter, new Set([group]))
    else groups.add(group)
  }

  delete(group: Group): void {
    if (this.#byKey.get(group.key) === group) this.#byKey.delete(group.key)
    this.all.delete(group)
    const { looker, filter } = group.selection ?? {}
    if (looker === undefined || filter === undefined) return
    const filters = this.#byFilter.get(looker)
    const groups = filters?.get(filter)
    groups?.delete(group)
    if (groups?.size === 0) filters!.delete(filter)
    if (filters?.size === 0) this.#byFilter.delete(looker)
  }

  /** What is to look at a batch. */
  lookers(): Iterable<Looker> {
    return this.#byFilter.keys()
  }

  /** BX33 */
  of(looker: Looker, filter: object): Iterable<Group> {
    return this.#byFilter.get(looker)?.get(filter) ?? []
  }
}
