/**
 * Judges what producers, readers and consumers of topics lived through. Pure: it is given their histories, and says which promises were broken.
 * The anomalies are those of Jepsen's workload for Kafka (jepsen/src/jepsen/tests/kafka.clj), and Herald's own. Values are unique.
 *
 *   ZH1  What was acked is read: no write is lost, none is unseen at the end.
 *   ZH2  A value is at one offset, an offset has one value; what is known to have failed is nowhere.
 *   ZH3  Offsets of a producer's sends go up, and a reader's go up without leaving any out, but where it was told so.
 *   ZH4  Of a key (or of what keeps its order otherwise) one consumer at a time has any; what was accepted comes no more without a reason, attempts never
 *        count down, and a dead letter is there once.
 *   ZH5  An effect happens once for each event that is done.
 *   ZH6  What a fenced producer sends afterwards is nowhere.
 */

/** Where something is. */
export interface At {
  readonly partition: number
  readonly epoch: number
  readonly offset: number
}

export type Happened =
  /** `info`: nobody knows whether it happened. `order`: counts the sends of one producer in one partition. */
  | {
      readonly what: "send"
      readonly producer: string
      readonly value: string
      readonly partition: number
      readonly order: number
      readonly outcome: "ok" | "info" | "fail"
      readonly at?: At
      /** The producer had been fenced when it was sent. */
      readonly fenced?: boolean
    }
  /** What one reader got at once. */
  | {
      readonly what: "poll"
      readonly reader: string
      readonly got: ReadonlyArray<{ readonly at: At; readonly value: string }>
    }
  /** It was told that these don't come, or told to begin elsewhere. */
  | {
      readonly what: "gap"
      readonly reader: string
      readonly partition: number
      readonly to: number
      readonly trimmed: boolean
    }
  | { readonly what: "seek"; readonly reader: string; readonly partition: number }
  /** A consumer was given an event, in this attempt. */
  | {
      readonly what: "given"
      readonly consumer: string
      readonly key: string
      readonly at: At
      readonly attempt: number
    }
  /** What the server took of its answer. */
  | {
      readonly what: "answered"
      readonly consumer: string
      readonly at: At
      readonly answer: "accept" | "fail" | "release" | "reject"
    }
  /** A consumer is gone: what it had is nobody's. `forgets`: its accepts of late may not be durable. */
  | { readonly what: "left"; readonly consumer: string; readonly forgets: boolean }
  /** The subscription was moved: everything may come again. */
  | { readonly what: "moved" }
  | { readonly what: "dead"; readonly at: At }
  | { readonly what: "effect"; readonly at: At }

/** The log as new readers read it to its end, after everything. */
export type Log = ReadonlyArray<{ readonly at: At; readonly value: string }>

export type Anomaly =
  | "lost-write"
  | "unseen"
  | "duplicate"
  | "inconsistent-offsets"
  | "aborted-read"
  | "nonmonotonic-send"
  | "int-poll-skip"
  | "int-nonmonotonic-poll"
  | "poll-skip"
  | "nonmonotonic-poll"
  | "key-order"
  | "count-regression"
  | "ack-resurrection"
  | "dead-letter-twice"
  | "effect-twice"
  | "effect-lost"
  | "gap-without-trim"
  | "fence-breach"

export interface Found {
  readonly anomaly: Anomaly
  readonly why: string
}

const placeOf = ({ partition, epoch, offset }: At) => `${partition}:${epoch}:${offset}`
const historyOf = ({ partition, epoch }: At) => `${partition}:${epoch}`

class Judge {
  readonly found: Array<Found> = []
  readonly places = new Map<string, string>()
  readonly values = new Map<string, string>()
  /** Offsets that have an event, by partition and epoch. */
  readonly offsets = new Map<string, Array<number>>()
  /** The same, ascending; made when all were seen. */
  readonly #ascending = new Map<string, ReadonlyArray<number>>()

  say(anomaly: Anomaly, why: string): void {
    this.found.push({ anomaly, why })
  }

  /** ZH2 */
  seen(at: At, value: string): void {
    const place = placeOf(at)
    const [there, elsewhere] = [this.places.get(place), this.values.get(value)]
    if (there !== undefined && there !== value) this.say("inconsistent-offsets", `${place} is ${there} and ${value}`)
    if (elsewhere !== undefined && elsewhere !== place)
      this.say("duplicate", `${value} is at ${elsewhere} and ${place}`)
    if (there === undefined) {
      const offsets = this.offsets.get(historyOf(at)) ?? []
      this.offsets.set(historyOf(at), offsets)
      offsets.push(at.offset)
    }
    this.places.set(place, there ?? value)
    this.values.set(value, elsewhere ?? place)
  }

  /** Ascending. Nothing is seen afterwards. */
  ascending(history: string): ReadonlyArray<number> {
    const known = this.#ascending.get(history)
    if (known !== undefined) return known
    const sorted = (this.offsets.get(history) ?? []).toSorted((a, b) => a - b)
    this.#ascending.set(history, sorted)
    return sorted
  }

  /** Whether there is an event between two places of one history: then who went from one to the other skipped it. */
  between(history: string, from: number, to: number): boolean {
    if (to <= from + 1) return false
    const offsets = this.ascending(history)
    let [low, high] = [0, offsets.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (offsets[middle]! > from) high = middle
      else low = middle + 1
    }
    return low < offsets.length && offsets[low]! < to
  }
}

/** `log`: to the end, from where it is kept. `filtered`: readers got a part of it by their own wish, so that what they left out says nothing. */
export const check = (history: ReadonlyArray<Happened>, log: Log, { filtered = false } = {}): ReadonlyArray<Found> => {
  const judge = new Judge()
  for (const { at, value } of log) judge.seen(at, value)
  const inLog = new Set(log.map(({ value }) => value))
  for (const one of history) if (one.what === "poll") for (const { at, value } of one.got) judge.seen(at, value)
  sends(judge, history, inLog)
  readers(judge, history, filtered)
  consumers(judge, history)
  effects(judge, history)
  return judge.found
}

/** ZH1, ZH2, ZH3, ZH6 */
const sends = (judge: Judge, history: ReadonlyArray<Happened>, inLog: ReadonlySet<string>): void => {
  const trimmed = new Map<number, number>()
  for (const one of history)
    if (one.what === "gap" && one.trimmed) trimmed.set(one.partition, Math.max(trimmed.get(one.partition) ?? 0, one.to))
  const highest = new Map<string, number>()
  for (const name of judge.offsets.keys()) highest.set(name, judge.ascending(name).at(-1) ?? -1)
  const last = new Map<string, { readonly order: number; readonly at: At }>()
  const acked = history.filter((one) => one.what === "send").toSorted((a, b) => a.order - b.order)
  for (const { value, outcome, at, producer, order, fenced } of acked) {
    const place = judge.values.get(value)
    if (outcome === "fail" && place !== undefined) judge.say("aborted-read", `${value} failed, and is at ${place}`)
    if (fenced === true && place !== undefined)
      judge.say("fence-breach", `${value} was sent by the fenced ${producer}, and is at ${place}`)
    if (outcome !== "ok" || at === undefined) continue
    if (place !== undefined && place !== placeOf(at))
      judge.say("inconsistent-offsets", `${value} was acked at ${placeOf(at)}, and is at ${place}`)
    if (!inLog.has(value) && at.offset >= (trimmed.get(at.partition) ?? 0)) {
      const isBelow = at.offset <= (highest.get(historyOf(at)) ?? -1)
      if (place === undefined && isBelow)
        judge.say("lost-write", `${value} was acked at ${placeOf(at)}, and what is behind it was read`)
      else judge.say("unseen", `${value} was acked at ${placeOf(at)}, and is not there at the end`)
    }
    const name = `${producer} ${historyOf(at)}`
    const before = last.get(name)
    if (before !== undefined && before.at.offset >= at.offset)
      judge.say("nonmonotonic-send", `${producer} sent ${value} to ${placeOf(at)} after ${placeOf(before.at)}`)
    last.set(name, { order, at })
  }
}

/** ZH3 */
const readers = (judge: Judge, history: ReadonlyArray<Happened>, filtered: boolean): void => {
  const got = new Map<string, At>()
  for (const one of history) {
    if (one.what === "seek") got.delete(`${one.reader} ${one.partition}`)
    if (one.what === "gap") {
      const name = `${one.reader} ${one.partition}`
      const before = got.get(name)
      if (!one.trimmed)
        judge.say("gap-without-trim", `${one.reader} was told that ${one.partition} begins at ${one.to}`)
      if (before !== undefined) got.set(name, { ...before, offset: Math.max(before.offset, one.to - 1) })
    }
    if (one.what !== "poll") continue
    const inside = new Set<string>()
    for (const { at } of one.got) {
      const name = `${one.reader} ${at.partition}`
      const before = got.get(name)
      got.set(name, at)
      const isInside = inside.has(name)
      inside.add(name)
      if (before === undefined || before.epoch !== at.epoch) continue
      const way = `${one.reader} went from ${placeOf(before)} to ${placeOf(at)}`
      if (at.offset <= before.offset) judge.say(isInside ? "int-nonmonotonic-poll" : "nonmonotonic-poll", way)
      else if (!filtered && judge.between(historyOf(at), before.offset, at.offset))
        judge.say(isInside ? "int-poll-skip" : "poll-skip", way)
    }
  }
}

/** ZH4 */
const consumers = (judge: Judge, history: ReadonlyArray<Happened>): void => {
  const held = new Map<string, { readonly consumer: string; readonly key: string }>()
  const attempts = new Map<string, number>()
  const accepted = new Map<string, string>()
  const dead = new Set<string>()
  for (const one of history) {
    if (one.what === "moved") for (const map of [held, attempts, accepted]) map.clear()
    if (one.what === "left") {
      for (const [place, { consumer }] of held) if (consumer === one.consumer) held.delete(place)
      if (one.forgets) for (const [place, consumer] of accepted) if (consumer === one.consumer) accepted.delete(place)
    }
    if (one.what === "answered") {
      held.delete(placeOf(one.at))
      if (one.answer === "accept") accepted.set(placeOf(one.at), one.consumer)
    }
    if (one.what === "dead") {
      if (dead.has(placeOf(one.at))) judge.say("dead-letter-twice", placeOf(one.at))
      dead.add(placeOf(one.at))
    }
    if (one.what !== "given") continue
    const place = placeOf(one.at)
    const other = [...held.values()].find(
      ({ key, consumer }) => one.key !== "" && key === one.key && consumer !== one.consumer
    )
    if (other !== undefined)
      judge.say("key-order", `${one.consumer} got ${place} of ${one.key} while ${other.consumer} had some`)
    if (accepted.has(place)) judge.say("ack-resurrection", `${place} was accepted, and came again`)
    const before = attempts.get(place) ?? 0
    if (one.attempt < before) judge.say("count-regression", `${place} came in attempt ${one.attempt} after ${before}`)
    attempts.set(place, one.attempt)
    held.set(place, one)
  }
}

/** ZH5 */
const effects = (judge: Judge, history: ReadonlyArray<Happened>): void => {
  if (!history.some(({ what }) => what === "effect")) return
  const happened = new Set<string>()
  for (const one of history) {
    if (one.what !== "effect") continue
    if (happened.has(placeOf(one.at))) judge.say("effect-twice", placeOf(one.at))
    happened.add(placeOf(one.at))
  }
  for (const one of history)
    if (one.what === "answered" && one.answer === "accept" && !happened.has(placeOf(one.at)))
      judge.say("effect-lost", `${placeOf(one.at)} was accepted without its effect`)
}
