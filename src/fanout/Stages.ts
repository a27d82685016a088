/**
 * In which stage each reader of a topic is, and the lists of those of a stage. State without work.
 *
 *   BX34 Who reads all of a topic reads each partition that it gets, from its first event on, whoever else reads it already.
 *   BX41 Who has a filter is told what became of the events that were looked at for it: each of them is counted once, while it is live or before that.
 *        Where others read partitions that it doesn't, it is told of those from before it was live.
 *   BX13 A reader whose sink throws is ended alone.
 *   BX12 in Broadcast.ts, BX8 in Reader.ts
 */
import { failure } from "../errors/HeraldError.ts"
import { sinceThen, sumOf } from "../filters/Figures.ts"
import type { Batch, Told } from "./Batch.ts"
import { Group, type Selection } from "./Group.ts"
import { Groups } from "./Groups.ts"
import { type Overflow, Reader, type Sink, type Stage } from "./Reader.ts"
import type { Ring } from "./Ring.ts"

export interface Joining {
  readonly partitions: ReadonlyArray<number>
  /** All that the topic has, also those that it will have. */
  readonly whole: boolean
  /** For each of them. */
  readonly at: ReadonlyArray<number>
  readonly epochs: ReadonlyArray<number>
  /** Where what is stored ends now. */
  readonly until: ReadonlyArray<number>
  readonly overflow: Overflow
  readonly unpacks: boolean
  /** It wants differences. BX30 */
  readonly delta?: boolean
  /** Tells filters and fields apart; empty: none. */
  readonly selectionKey: string
  readonly selection: Selection | undefined
}

/** Where a partition begins that a topic did not have before. */
export interface Added {
  readonly partition: number
  readonly epoch: number
  readonly first: number
}

export interface StagesOptions {
  /** Something is to be done. */
  readonly wake: () => void
  /** It is over, because its sink threw. */
  readonly broke: (reader: Reader, error: unknown) => void
}

export class Stages {
  readonly #options: StagesOptions
  readonly #rings: ReadonlyMap<number, Ring>
  readonly groups = new Groups()
  readonly full = new Set<Reader>()
  readonly ahead: Array<Reader> = []
  ready: Array<Reader> = []
  /** Groups that have some in their lists who are over. */
  readonly #untidy = new Set<Group>()
  /** Of those who are ahead, too. */
  #isAheadUntidy = false

  constructor(rings: ReadonlyMap<number, Ring>, options: StagesOptions) {
    this.#rings = rings
    this.#options = options
  }

  get size(): number {
    let size = 0
    for (const { readers } of this.groups.values()) size += readers.size
    return size
  }

  join(sink: Sink, joining: Joining): Reader {
    const { partitions, whole, selection, selectionKey, overflow, unpacks, delta = false } = joining
    // Who reads all of the topic may know of partitions that others, who do, are yet to be told of. BX34
    const which = whole ? `all ${partitions.length}` : partitions.join(",")
    const key = `${which} ${delta ? "delta" : ""} ${selectionKey}`
    let group = this.groups.get(key)
    if (group === undefined) this.groups.add((group = new Group(key, partitions, whole, selection, delta)))
    const reader = new Reader(group, sink, overflow, unpacks)
    group.readers.add(reader)
    // A group may have grown since its partitions were looked up.
    reader.at = group.partitions.map(
      (partition) => joining.at[partitions.indexOf(partition)] ?? this.#rings.get(partition)?.first ?? 0
    )
    reader.epochs = group.partitions.map(
      (partition) => joining.epochs[partitions.indexOf(partition)] ?? this.#rings.get(partition)?.epoch ?? 0
    )
    reader.until = group.partitions.map((partition) => joining.until[partitions.indexOf(partition)] ?? 0)
    this.again(reader, "ready")
    return reader
  }

  leave(reader: Reader): void {
    const { stage } = reader
    if (stage === "over") return
    reader.stage = "over"
    this.full.delete(reader)
    const { group } = reader
    group.readers.delete(reader)
    if (stage === "live") this.#untidy.add(group)
    else if (stage === "ahead") this.#isAheadUntidy = true
    if (group.readers.size === 0) {
      this.groups.delete(group)
      this.#untidy.delete(group)
    }
    this.#options.wake()
  }

  /** Some of those in lists are over. */
  get isUntidy(): boolean {
    return this.#isAheadUntidy || this.#untidy.size > 0
  }

  /** Forgets those who left, and looks at no group that nobody left. */
  tidy(): void {
    for (const { live } of this.#untidy) keep(live, "live")
    this.#untidy.clear()
    if (this.#isAheadUntidy) keep(this.ahead, "ahead")
    this.#isAheadUntidy = false
  }

  /** All of a group have positions from now on. */
  allBehind({ live }: Group): void {
    for (const reader of live.splice(0)) if (reader.stage === "live") this.behind(reader, "ready")
  }

  /** Of all partitions of the topic, those that some who read all of it do not read yet: who reads as many reads them all. BX34 */
  lackedOf<A extends { readonly partition: number }>(all: ReadonlyArray<A>): ReadonlyArray<A> {
    const few: Array<Group> = []
    for (const group of this.groups.values()) if (group.whole && group.partitions.length < all.length) few.push(group)
    return few.length === 0 ? [] : all.filter(({ partition }) => few.some((group) => !group.has(partition)))
  }

  /** Who reads all of the topic reads these from where they begin. BX34 */
  grow(added: ReadonlyArray<Added>): void {
    for (const group of this.groups.values()) {
      const more = added.filter(({ partition }) => !group.has(partition))
      if (!group.whole || more.length === 0) continue
      this.allBehind(group)
      group.partitions = [...group.partitions, ...more.map(({ partition }) => partition)]
      for (const reader of group.readers) {
        reader.isStarted = false
        for (const { epoch, first } of more) {
          reader.at!.push(first)
          reader.epochs!.push(epoch)
          reader.until?.push(first)
        }
      }
    }
  }

  /** It is no longer live: it has its positions from now on. `batch`: the newest that it was sent, which others may not have yet. BX8, BX12 */
  behind(reader: Reader, stage: "full" | "ready", batch?: Batch): void {
    const { partitions } = reader.group
    reader.at = partitions.map((partition) =>
      partition === batch?.partition ? batch.next : this.#rings.get(partition)!.sent
    )
    reader.epochs = partitions.map((partition) => this.#rings.get(partition)!.epoch)
    if (reader.group.isChoosing) reader.untold = this.#untold(reader, batch) // BX37
    this.count(reader)
    if (stage === "full") reader.isSlow = true
    this.again(reader, stage)
  }

  /** Partitions, by index, of which not all were told how far they are. */
  #untold({ group }: Reader, batch: Batch | undefined): Set<number> | undefined {
    let untold: Set<number> | undefined
    for (const [index, partition] of group.partitions.entries()) {
      const { told, sent } = this.#rings.get(partition)!
      if (told >= sent || partition === batch?.partition) continue
      untold ??= new Set()
      untold.add(index)
    }
    return untold
  }

  again(reader: Reader, stage: "full" | "ready" | "ahead"): void {
    reader.stage = stage
    if (stage === "full") {
      this.full.add(reader)
      reader.sink.drained(() => {
        if (reader.stage !== "full") return
        this.full.delete(reader)
        this.again(reader, "ready")
      })
    } else if (stage === "ahead") this.ahead.push(reader)
    else {
      this.ready.push(reader)
      this.#options.wake()
    }
  }

  /** After something was written to it. */
  after(reader: Reader, room: boolean): void {
    if (reader.stage !== "over") this.again(reader, room ? "ready" : "full")
  }

  live(reader: Reader): void {
    reader.stage = "live"
    reader.since = reader.group.figures
    reader.at = reader.epochs = reader.aligned = reader.untold = undefined // BX8
    reader.group.live.push(reader)
  }

  /** Keeps for one that is live what became of events since that was done last. BX41 */
  count(reader: Reader): void {
    const { figures: now, partitions } = reader.group
    const news = sinceThen(now, reader.since)
    reader.since = now
    // A filter counts what comes of all partitions that somebody reads here.
    if (news.looked > 0 && partitions.length >= this.#rings.size) reader.counted = sumOf(reader.counted, news)
  }

  /** BX14 */
  dismiss(reader: Reader): void {
    this.leave(reader)
    reader.sink.end(failure("SlowReader", "it read more slowly than events came, and asked to be sent away then"))
  }

  /** False: it can't take more, or is over. BX13 */
  write(reader: Reader, told: Told): boolean {
    try {
      return reader.sink.write(told)
    } catch (error) {
      this.leave(reader)
      this.#options.broke(reader, error)
      return false
    }
  }
}

const keep = (readers: Array<Reader>, its: Stage): void => {
  let kept = 0
  for (const reader of readers) if (reader.stage === its) readers[kept++] = reader
  readers.length = kept
}
