/**
 * Sends the events of a topic to its readers on this node. It has no fiber, no clock and no log: `work` does what is to be done, in steps, and who
 * drives it may let others have a turn between two.
 *
 *   BX10 Every reader is sent each event of its partitions once and in order, from where it began, or is told of those that it is not sent.
 *   BX11 A batch goes to all who are live before the next goes to anybody; what came meanwhile is one batch.
 *   BX12 Who can't take more leaves the list of those who are live, and costs the others nothing. It is sent what it missed from the ring, or from
 *        the log, and is live again in the same step in which it has all that those who are live have: nothing comes in between.
 *   BX29 One go sends nobody much more than a transport takes in a turn, however little of what it looks at a filter takes; nor does it look at
 *        more than a bound.
 *   BX13, BX34 in Stages.ts, BX33 in Groups.ts, BX14 in CatchingUp.ts
 */
import type { Batch } from "./Batch.ts"
import { type Answer, CatchingUp, type CatchingUpOptions } from "./CatchingUp.ts"
import type { Group, Selection } from "./Group.ts"
import { batchOf } from "./Picking.ts"
import { filteredOf, type Reader, type Sink } from "./Reader.ts"
import type { Ring } from "./Ring.ts"
import { type Added, type Joining, Stages, type StagesOptions } from "./Stages.ts"

/** Bytes that one go sends to each who is live: below what a transport takes in one turn. */
const ONE_GO = 49_152
/** Bytes that one go looks at, of which filters may take few. */
const LOOKED = 262_144
/** Readers that are written to before `work` offers a pause. */
const PAUSE = 64

export interface BroadcastOptions extends StagesOptions, CatchingUpOptions {
  /** All who are live were sent what they want of a batch, and some want something. */
  readonly sent: (batch: Batch) => void
}

export class Broadcast {
  readonly #options: BroadcastOptions
  readonly #rings = new Map<number, Ring>()
  readonly #stages: Stages
  readonly #catchingUp: CatchingUp
  /** What may not be done in the middle of a step. BX11 */
  #between: Array<() => void> = []
  #quietDue = false
  /** Groups that batches were taken to, in all. BX33 */
  visits = 0
  #turn = 0

  constructor(options: BroadcastOptions) {
    this.#options = options
    this.#stages = new Stages(this.#rings, options)
    this.#catchingUp = new CatchingUp(this.#rings, this.#stages, options)
  }

  /** Readers. */
  get size(): number {
    return this.#stages.size
  }

  /** Readers that can't take more now. */
  get full(): number {
    return this.#stages.full.size
  }

  get groups(): number {
    return this.#stages.groups.size
  }

  /** Of all partitions of the topic, those that some who read all of it do not read yet. BX34 */
  lackedOf<A extends { readonly partition: number }>(all: ReadonlyArray<A>): ReadonlyArray<A> {
    return this.#stages.lackedOf(all)
  }

  readers(): ReadonlyArray<Reader> {
    return [...this.#stages.groups.values()].flatMap(({ readers }) => [...readers])
  }

  ring(partition: number): Ring | undefined {
    return this.#rings.get(partition)
  }

  rings(): Iterable<Ring> {
    return this.#rings.values()
  }

  /** From now on this is the partition's. In place of another: those who are live find out what that means for them. */
  follow(ring: Ring): void {
    const follow = () => {
      if (this.#rings.has(ring.partition))
        for (const group of this.#stages.groups.values()) if (group.has(ring.partition)) this.#stages.allBehind(group)
      this.#rings.set(ring.partition, ring)
      this.tick()
    }
    if (this.#rings.has(ring.partition)) this.#between.push(follow)
    else follow()
    this.#options.wake()
  }

  /** Calls back when no step is under way. BX11 */
  between(change: () => void): void {
    this.#between.push(change)
    this.#options.wake()
  }

  /** All of its group want what this says from now on; not to be done in a step. BX39 */
  reselect({ group }: Reader, selection: Selection | undefined): void {
    if (group.selection?.looker !== selection?.looker) this.#stages.groups.reselect(group, selection)
  }

  /** Some want a part of the events. */
  get isSelecting(): boolean {
    return this.#stages.groups.isSelecting
  }

  /** No group may have it. */
  forget(partition: number): void {
    this.#rings.delete(partition)
  }

  join(sink: Sink, joining: Joining): Reader {
    return this.#stages.join(sink, joining)
  }

  leave(reader: Reader): void {
    this.#stages.leave(reader)
  }

  grow(added: ReadonlyArray<Added>): void {
    this.between(() => this.#stages.grow(added))
  }

  /** The log answered for a reader. May be left between two events. BX31 */
  answer(reader: Reader, partition: number, answer: Answer): Generator<void, void> {
    return this.#catchingUp.answer(reader, partition, answer)
  }

  /** The log could not be read for a reader: it is asked again with the next `tick`. */
  failed(reader: Reader): void {
    if (reader.stage === "reading") this.#stages.again(reader, "ahead")
  }

  /** Those who wait for more than is known here look again. */
  tick(): void {
    for (const reader of this.#stages.ahead.splice(0)) if (reader.stage === "ahead") this.#stages.again(reader, "ready")
  }

  /** Those of whose events none was taken are told how far they were looked at. */
  tellQuiet(): void {
    for (const ring of this.#rings.values()) this.#quietDue ||= ring.told < ring.sent
    if (this.#quietDue) this.#options.wake()
  }

  /** Sends away who is slow, asked for that, and is not waited for by the ring any more. BX14 */
  sweep(): void {
    const isOut = ({ group, at }: Reader) =>
      group.partitions.some((partition, i) => at![i]! < (this.#rings.get(partition)?.first ?? 0))
    for (const reader of this.#stages.full)
      if (reader.overflow === "disconnect" && reader.isSlow && isOut(reader)) this.#stages.dismiss(reader)
  }

  /** Something is to be done. */
  get hasWork(): boolean {
    if (this.#stages.ready.length > 0 || this.#stages.isUntidy || this.#quietDue || this.#between.length > 0)
      return true
    for (const ring of this.#rings.values()) if (ring.hasNews) return true
    return false
  }

  /** Does what is to be done; between two steps others may do theirs. */
  *work(): Generator<void, void> {
    const stages = this.#stages
    for (const change of this.#between.splice(0)) change()
    if (stages.isUntidy) stages.tidy()
    for (const ring of this.#rings.values()) ring.close()
    let sent = 0 // BX29
    let looked = 0
    for (let last = 0; sent + last <= ONE_GO && looked < LOOKED; ) {
      const ring = this.#next()
      if (ring === undefined) break
      const batch = ring.toSend!
      last = yield* this.#step(ring, batch)
      sent += last
      looked += batch.bytes
    }
    if (this.#quietDue) yield* this.#quiet()
    if (looked > 0) this.tick()
    const { ready } = stages
    stages.ready = []
    let count = 0
    for (const reader of ready) {
      if (reader.stage !== "ready") continue
      yield* this.#catchingUp.advance(reader)
      if (++count % PAUSE === 0) yield
    }
  }

  /** Partitions take turns. */
  #next(): Ring | undefined {
    const rings = [...this.#rings.values()]
    for (let i = 0; i < rings.length; i++) {
      const turn = (this.#turn + i) % rings.length
      if (rings[turn]!.toSend === undefined) continue
      this.#turn = (turn + 1) % rings.length
      return rings[turn]
    }
    return undefined
  }

  /** Gives the most bytes that anybody is sent. BX11 */
  *#step(ring: Ring, batch: Batch): Generator<void, number> {
    const { groups } = this.#stages
    let most = 0
    let count = 0
    for (const group of groups.all) {
      most = Math.max(most, yield* this.#give(group, batch))
      if (++count % PAUSE === 0) yield
    }
    for (const looker of groups.lookers())
      for (const filter of yield* looker.looking(batch))
        for (const group of groups.of(looker, filter)) {
          most = Math.max(most, yield* this.#give(group, batch)) // BX33
          yield
        }
    ring.wasSent(batch)
    if (most > 0) this.#options.sent(batch)
    return most
  }

  *#give(group: Group, batch: Batch): Generator<void, number> {
    this.visits++
    if (group.live.length === 0 || !group.has(batch.partition)) return 0
    const made = yield* group.made(batch, true) // BX9
    if (made.count === 0) return 0
    if (group.isChoosing) group.told.set(batch.partition, made.next)
    yield* this.#toLive(group, made, batch)
    return made.bytes
  }

  *#toLive(group: Group, told: Batch, batch: Batch | undefined): Generator<void, void> {
    const { live } = group
    let count = 0
    for (let i = 0; i < live.length; ) {
      const reader = live[i]!
      if (reader.stage === "live" && this.#stages.write(reader, told)) i++
      else {
        live[i] = live[live.length - 1]!
        live.pop()
        if (reader.stage === "live") this.#stages.behind(reader, "full", batch)
      }
      if (++count % PAUSE === 0) yield
    }
    this.#options.delivered(count, count * told.count)
  }

  /** BX41 */
  *#toldFiltered({ live }: Group): Generator<void, void> {
    for (let i = 0, count = 0; i < live.length; ) {
      const reader = live[i]!
      if (reader.stage === "live") this.#stages.count(reader)
      const tells = reader.counted.looked > 0
      if (reader.stage === "live" && (!tells || this.#stages.write(reader, filteredOf(reader)))) i++
      else {
        live[i] = live[live.length - 1]!
        live.pop()
        if (reader.stage === "live") this.#stages.behind(reader, "full")
      }
      if (++count % PAUSE === 0) yield
    }
  }

  *#quiet(): Generator<void, void> {
    this.#quietDue = false
    const rings = [...this.#rings.values()].filter(({ told, sent }) => told < sent)
    for (const group of this.#stages.groups.values()) {
      if (group.isChoosing)
        for (const { partition, epoch, sent } of rings) {
          if (group.live.length === 0 || !group.has(partition) || group.told.get(partition) === sent) continue
          yield* this.#toLive(group, batchOf({ partition, epoch, first: sent, next: sent }, []), undefined)
        }
      if (group.isChoosing) yield* this.#toldFiltered(group)
      group.told.clear()
      yield
    }
    for (const ring of rings) ring.told = ring.sent
  }
}
