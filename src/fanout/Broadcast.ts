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
 *   BX13 in Stages.ts, BX14 in CatchingUp.ts
 */
import type { Batch } from "./Batch.ts"
import { type Answer, CatchingUp, type CatchingUpOptions } from "./CatchingUp.ts"
import type { Group } from "./Group.ts"
import type { Reader, Sink } from "./Reader.ts"
import type { Ring } from "./Ring.ts"
import { type Added, type Joining, Stages, type StagesOptions } from "./Stages.ts"

/** Bytes that one go sends to each who is live: below what a transport takes in one turn. */
const ONE_GO = 49_152
/** Bytes that one go looks at, of which filters may take few. */
const LOOKED = 262_144
/** Readers that are written to before `work` offers a pause. */
const PAUSE = 64

export interface BroadcastOptions extends StagesOptions, Omit<CatchingUpOptions, "selected"> {
  /** What a group makes of a batch of the ring; `made` of the group when left out. */
  readonly selected?: CatchingUpOptions["selected"]
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
  #turn = 0

  constructor(options: BroadcastOptions) {
    this.#options = options
    this.#stages = new Stages(this.#rings, options)
    const selected: CatchingUpOptions["selected"] = options.selected ?? ((group, batch) => group.made(batch))
    this.#catchingUp = new CatchingUp(this.#rings, this.#stages, { ...options, selected })
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

  /** Some read all partitions that the topic has, also those that it will have. */
  get isWhole(): boolean {
    for (const { whole } of this.#stages.groups.values()) if (whole) return true
    return false
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
        for (const group of this.#stages.groups.values())
          if (group.partitions.includes(ring.partition)) this.#stages.allBehind(group)
      this.#rings.set(ring.partition, ring)
      this.tick()
    }
    if (this.#rings.has(ring.partition)) this.#between.push(follow)
    else follow()
    this.#options.wake()
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
    this.#between.push(() => this.#stages.grow(added))
    this.#options.wake()
  }

  answer(reader: Reader, partition: number, answer: Answer): void {
    this.#catchingUp.answer(reader, partition, answer)
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
    for (const group of this.#stages.groups.values()) this.#quietDue ||= group.quiet.size > 0
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
    if (this.#stages.ready.length > 0 || this.#stages.left || this.#quietDue || this.#between.length > 0) return true
    for (const ring of this.#rings.values()) if (ring.hasNews) return true
    return false
  }

  /** Does what is to be done; between two steps others may do theirs. */
  *work(): Generator<void, void> {
    const stages = this.#stages
    for (const change of this.#between.splice(0)) change()
    if (stages.left) stages.tidy()
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
      this.#catchingUp.advance(reader)
      if (++count % PAUSE === 0 || reader.group.selection !== undefined) yield
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
    let most = 0
    for (const group of this.#stages.groups.values()) {
      if (group.live.length === 0 || !group.partitions.includes(ring.partition)) continue
      if (group.selection !== undefined) yield* group.selection.looking(batch) // BX31
      if (group.live.length === 0) continue
      const made = group.made(batch, true) // BX9
      if (made.count === 0) group.quiet.set(ring.partition, made)
      else {
        group.quiet.delete(ring.partition)
        most = Math.max(most, made.bytes)
        yield* this.#toLive(group, made, batch)
      }
    }
    ring.wasSent(batch)
    if (most > 0) this.#options.sent(batch)
    return most
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

  *#quiet(): Generator<void, void> {
    this.#quietDue = false
    for (const group of this.#stages.groups.values()) {
      const quiet = [...group.quiet.values()]
      group.quiet.clear()
      for (const batch of quiet) yield* this.#toLive(group, batch, undefined)
    }
  }
}
