/** One reader of a fake topic: what it is sent, from where on, in batches of any size. */
import type { ReadRequest, ReadResponse } from "../../proto/generated/herald/topics/v1/topics.ts"
import type { FakeCall } from "./FakeCall.ts"
import type { FakeTopic } from "./FakeTopic.ts"

const { setImmediate } = globalThis // a test may put another in its place

export class FakeReading {
  readonly #topic: FakeTopic
  readonly #call: FakeCall<ReadRequest, ReadResponse>
  readonly #filtered: boolean
  /** Of each partition, what is sent next. */
  readonly #at: Array<number> = []
  readonly #until: Array<number> = []
  #live = false
  #going = false

  constructor(topic: FakeTopic, call: FakeCall<ReadRequest, ReadResponse>, { start, filter }: ReadRequest) {
    this.#topic = topic
    this.#call = call
    this.#filtered = filter !== ""
    const at = start?.at
    topic.partitions.forEach(({ events, first, epoch }, partition) => {
      const end = events.length
      const given = at?.$case === "offsets" ? at.value.offsets.find((one) => one.partition === partition) : undefined
      if (at?.$case === "earliest") this.#at.push(first)
      else if (at?.$case === "timeMs") {
        const found = events.findIndex((one) => one.at >= Number(at.value))
        this.#at.push(found < 0 ? end : Math.max(first, found))
      } else if (given === undefined) this.#at.push(at?.$case === "offsets" && at.value.othersEarliest ? first : end)
      else this.#at.push(given.epoch === epoch ? Number(given.offset) : first)
      this.#until.push(end)
    })
    call.say({ what: { $case: "started", value: { offsets: this.#at.map((_, partition) => this.#place(partition)) } } })
  }

  more(): void {
    if (this.#going) return
    this.#going = true
    setImmediate(() => {
      this.#going = false
      if (!this.#call.open) return
      if (this.#topic.happens(this.#topic.trouble.before)) return this.#call.cut()
      if (this.#call.held) return this.more()
      if (this.#sent()) this.more()
    })
  }

  #place(partition: number) {
    return { partition, epoch: this.#topic.partitions[partition]!.epoch, offset: BigInt(this.#at[partition]!) }
  }

  /** True: there may be more. */
  #sent(): boolean {
    const behind = this.#topic.partitions.flatMap(({ events }, partition) =>
      this.#at[partition]! < events.length ? [partition] : []
    )
    if (!this.#live && this.#until.every((end, partition) => this.#at[partition]! >= end)) {
      this.#live = true
      this.#call.say({ what: { $case: "live", value: {} } })
    }
    const partition = behind[Math.floor(this.#topic.random() * behind.length)]
    if (partition === undefined) return false
    const { epoch, events, first } = this.#topic.partitions[partition]!
    const from = this.#at[partition]!
    if (from < first) {
      this.#at[partition] = first
      this.#call.say({
        what: { $case: "gap", value: { partition, epoch, from: BigInt(from), to: BigInt(first), why: "retention" } }
      })
      return true
    }
    const to = Math.min(events.length, from + 1 + Math.floor(this.#topic.random() * 5))
    this.#at[partition] = to
    const all = events.slice(from, to)
    const taken = all.flatMap(({ event }, i) => (this.#filtered && event.payload.toString().endsWith("-") ? [] : [i]))
    const steps = this.#filtered ? taken.map((i, n) => (n === 0 ? i : i - taken[n - 1]!)) : []
    this.#call.say({
      what: {
        $case: "batch",
        value: {
          ...{ partition, epoch, firstOffset: BigInt(from), steps, publishedMs: 1n, leftOut: 0n },
          ...{
            events: taken.map((i) => all[i]!.event),
            compressed: Buffer.alloc(0),
            later: [],
            changed: [],
            nextOffset: BigInt(to)
          }
        }
      }
    })
    return true
  }
}
