/** A log, consumers and a store around the machine of subscriptions, and what may never be seen of it. */
import { assert } from "@effect/vitest"
import type { AnswerKind } from "../../src/subscriptions/Answer.ts"
import { Cursor } from "../../src/subscriptions/Cursor.ts"
import { Dispatch } from "../../src/subscriptions/Dispatch.ts"
import { beginAt, rangesOf, type SavedCursor } from "../../src/subscriptions/SavedCursor.ts"
import { HASHES } from "../../src/subscriptions/Share.ts"
import { isOrdered, isSingle, type Subscription } from "../../src/subscriptions/Subscription.ts"
import { type Hold, type Known, leftOf, TIMEOUT } from "./Defined.ts"

const PARTITIONS = 2

export class World {
  now = 1_000
  readonly subscription: Subscription
  /** Attempts. */
  readonly most: number
  machine: Dispatch<string>
  readonly logs: Array<Array<Known>> = []
  readonly firsts: Array<number> = []
  readonly saved: Array<SavedCursor> = []
  cursors: Array<Cursor<string>> = []
  readonly holds = new Map<string, Array<Hold>>()
  readonly granted = new Map<string, number>()
  readonly sent = new Map<string, number>()
  sessions = 0
  crashes = 0

  constructor(subscription: Subscription) {
    this.subscription = subscription
    this.most = subscription.maxAttempts
    for (let partition = 0; partition < PARTITIONS; partition++) {
      this.logs.push([])
      this.firsts.push(0)
      this.saved.push(beginAt(1, 0))
    }
    this.machine = this.start()
  }

  load(partition: number): Cursor<string> {
    const { type, maxAttempts } = this.subscription
    const order = isSingle(type) ? "all" : isOrdered(type) ? "keys" : "unordered"
    const slice = { partition, from: 0, to: HASHES }
    const cursor = new Cursor<string>(
      { slice, share: partition, maxAttempts, order, open: 12, end: this.logs[partition]!.length },
      this.saved[partition]!
    )
    this.cursors[partition] = cursor
    return cursor
  }

  start(): Dispatch<string> {
    const machine = new Dispatch<string>(this.subscription, { budget: 60, tokens: this.crashes * 1_000_000 })
    for (let partition = 0; partition < PARTITIONS; partition++) machine.cursors.add(this.load(partition))
    return machine
  }

  publish(partition: number, hash: number | null): void {
    const first = { accepted: false, durable: false, buried: 0, least: 1, most: 1, due: 0 }
    this.logs[partition]!.push({ hash, ...first })
  }

  laneOf(partition: number, offset: number): string | undefined {
    const { hash } = this.logs[partition]![offset]!
    if (!isOrdered(this.subscription.type) || (hash === null && !isSingle(this.subscription.type))) return undefined
    return `${partition}/${hash}`
  }

  join(name: string): string | undefined {
    const session = `${name}.${++this.sessions}`
    const before = this.machine.consumers.named(name)
    const joined = this.machine.join(name, session, this.now)
    if (before !== undefined) this.gone(before.session)
    assert.strictEqual(joined, this.subscription.type !== "exclusive" || this.holds.size === 0, "CY3")
    if (!joined) return undefined
    this.holds.set(session, [])
    this.sent.set(session, 0)
    return session
  }

  leave(session: string, counts: boolean): void {
    this.machine.leave(session, this.now, counts)
    this.gone(session)
  }

  gone(session: string): void {
    for (const { partition, offset } of this.holds.get(session) ?? []) {
      const known = this.logs[partition]![offset]!
      known.most++
      known.due = 0
    }
    this.holds.delete(session)
  }

  flush(): void {
    const { version } = this.machine
    for (const [item, cursor] of [...this.machine.dead]) {
      this.machine.bury(item)
      const known = this.logs[cursor.slice.partition]![item.offset]!
      assert.isFalse(known.accepted, "DP3 accepted, and then dead")
      assert.strictEqual(++known.buried, 1, "DP3 among the dead letters once")
    }
    const after = this.machine.version
    assert.isAtLeast(after, version)
    const marks = new Map<Cursor<string>, number>()
    for (const [partition, cursor] of this.cursors.entries()) {
      this.saved[partition] = cursor.save(false)
      marks.set(cursor, cursor.mark)
      for (const known of this.logs[partition]!) known.durable ||= known.accepted
    }
    this.machine.kept(after, marks)
  }

  crash(): void {
    this.crashes++
    for (const session of [...this.holds.keys()]) {
      for (const { partition, offset, until } of this.holds.get(session)!) {
        const known = this.logs[partition]![offset]!
        // Not what is void since a seek.
        if (until > 0) known.least = Math.max(known.least, Math.min(known.least + 1, this.most)) // DP6
      }
      this.holds.delete(session)
    }
    for (const partition of this.logs.keys()) this.goBack(partition)
    this.machine = this.start()
  }

  /** To what was written. */
  goBack(partition: number): void {
    const done = rangesOf(this.saved[partition]!)
    for (const [offset, known] of this.logs[partition]!.entries()) {
      if (known.durable) assert.isTrue(done.has(offset), "CB1 what was durable is done")
      known.accepted = known.accepted && done.has(offset)
      known.most = Number.POSITIVE_INFINITY
      known.due = 0
      // Attempts beyond the last are somebody's who resumed it: as many as were written count.
      if (this.subscription.deadLetterTopic === "") known.least = Math.min(known.least, this.most + 1)
    }
  }

  /** Another node has it by now, and then this one has it again: from what was written. */
  lose(partition: number): void {
    for (const holds of this.holds.values())
      for (const hold of holds) {
        if (hold.partition !== partition) continue
        const known = this.logs[partition]![hold.offset]!
        if (hold.until > 0) known.least = Math.max(known.least, Math.min(known.least + 1, this.most)) // DP6
        hold.until = 0
      }
    this.goBack(partition)
    this.machine.drop(this.cursors[partition]!)
    this.machine.cursors.add(this.load(partition))
  }

  seek(partition: number, wanted: number): void {
    const to = Math.min(wanted, this.logs[partition]!.length)
    this.machine.drop(this.cursors[partition]!)
    this.saved[partition] = beginAt(1, Math.max(to, this.firsts[partition]!))
    this.machine.cursors.add(this.load(partition))
    for (const holds of this.holds.values()) for (const hold of holds) if (hold.partition === partition) hold.until = 0
    for (const [offset, known] of this.logs[partition]!.entries()) {
      const done = offset < to
      Object.assign(known, { accepted: done, durable: done, buried: 0, least: 1, most: 1, due: 0 })
    }
  }

  /** The cursor is given up, and taken again by who was given it. */
  handOver(partition: number): void {
    const cursor = this.cursors[partition]!
    this.machine.drain(cursor)
    this.poll()
    if (!cursor.isIdle) {
      cursor.draining = false
      return
    }
    this.flush()
    this.saved[partition] = cursor.save(true)
    if (!this.saved[partition]!.clean) this.goBack(partition) // All of it is suspect again.
    this.machine.drop(cursor)
    this.machine.cursors.add(this.load(partition))
  }

  trim(partition: number, to: number): void {
    const first = Math.max(this.firsts[partition]!, Math.min(to, this.logs[partition]!.length))
    this.machine.gap(this.cursors[partition]!, this.firsts[partition]!, first)
    this.firsts[partition] = first
    for (const holds of this.holds.values())
      for (const hold of holds) if (hold.partition === partition && hold.offset < first) hold.until = 0
  }

  poll(): boolean {
    const { deliveries, wants } = this.machine.poll(this.now)
    assert.isAtMost(this.machine.inFlight, this.subscription.maxInFlight, "DP5")
    for (const { session, token, cursor, events } of deliveries)
      for (const { offset, attempt } of events) this.delivered(session, token, cursor.slice.partition, offset, attempt)
    for (const [cursor, from] of wants) this.read(cursor, from)
    return deliveries.length > 0
  }

  read(cursor: Cursor<string>, from: number): void {
    const { partition } = cursor.slice
    const first = Math.max(from, this.firsts[partition]!)
    const to = Math.min(first + 3, this.logs[partition]!.length)
    const reads = []
    for (let offset = first; offset < to; offset++)
      reads.push({ offset, hash: this.logs[partition]![offset]!.hash, bytes: 10, body: "" })
    if (to > from) this.machine.offer(cursor, from, to, reads)
  }

  delivered(session: string, token: number, partition: number, offset: number, attempt: number): void {
    const known = this.logs[partition]![offset]!
    const what = `${partition}/${offset} to ${session} (attempt ${attempt})`
    assert.isTrue(this.holds.has(session), `${what}: it has left`)
    assert.isFalse(known.accepted, `DP6 ${what}: it was accepted`)
    assert.strictEqual(known.buried, 0, `DP3 ${what}: it is dead`)
    assert.isAtLeast(offset, this.firsts[partition]!, `${what}: it is trimmed`)
    assert.isAtLeast(attempt, known.least, `CB2 ${what}: it counts back`)
    assert.isAtMost(attempt, known.most, `CB2 ${what}: nothing failed`)
    if (this.subscription.deadLetterTopic !== "") assert.isAtMost(attempt, this.subscription.maxAttempts, `DP3 ${what}`)
    assert.isAtLeast(this.now, known.due, `DP2 ${what}: early`)
    assert.isBelow(offset, this.saved[partition]!.mark, `DP1 ${what}: beyond the mark`)
    this.sent.set(session, this.sent.get(session)! + 1)
    assert.isAtMost(this.sent.get(session)!, this.granted.get(session) ?? 0, `CY1 ${what}`)
    known.least = attempt
    known.most = attempt + 1
    const lane = this.laneOf(partition, offset)
    for (const [other, holds] of this.holds) {
      for (const hold of holds.filter((one) => one.until > this.now)) {
        const same = hold.partition === partition && hold.offset === offset
        assert.isFalse(same, `DI1 ${what}: ${other} has it`)
        if (other === session && attempt >= this.most && this.most > 1)
          assert.fail(`DP4 ${what}: with ${hold.partition}/${hold.offset}`)
        if (lane === undefined || lane !== this.laneOf(hold.partition, hold.offset)) continue
        assert.strictEqual(other, session, `LC1 ${what}: ${other} has ${hold.offset}`)
        assert.isBelow(hold.offset, offset, `LC3 ${what}: it has ${hold.offset}`)
      }
    }
    for (let lower = this.firsts[partition]!; lane !== undefined && lower < offset; lower++) {
      const before = this.logs[partition]![lower]!
      if (this.laneOf(partition, lower) !== lane || before.accepted || before.buried > 0) continue
      const held = this.holds.get(session)!.some((one) => one.partition === partition && one.offset === lower)
      assert.isTrue(held && before.least === 1, `LC2 ${what}: ${lower} is not done`)
    }
    for (const holds of this.holds.values()) {
      const at = holds.findIndex((one) => one.partition === partition && one.offset === offset)
      if (at !== -1) holds.splice(at, 1)
    }
    this.holds.get(session)!.push({ partition, offset, token, until: this.now + TIMEOUT })
  }

  answer(session: string, place: number, kind: AnswerKind): void {
    const holds = this.holds.get(session) ?? []
    const hold = holds[place % Math.max(1, holds.length)]
    if (hold === undefined) return
    const { partition, offset, token } = hold
    const known = this.logs[partition]![offset]!
    const refused = this.machine.answer({ kind, token, first: offset, last: offset }, session, this.now)
    if (kind === "extend" && refused.length === 0) hold.until = this.now + TIMEOUT
    if (kind === "extend") return
    holds.splice(holds.indexOf(hold), 1)
    if (refused.length > 0) {
      known.most++
      return
    }
    if (kind === "accept") known.accepted = true
    if (kind === "fail") {
      // Called back, it counts as nothing.
      if (this.cursors[partition]!.items.get(offset)?.attempts === known.least) {
        known.least++
        known.due = this.now + (this.subscription.backoffMillis[known.least - 2] ?? 30)
      }
      known.most = known.least
    }
    if (kind === "reject") known.least++
  }

  /** Everybody accepts everything: returns what is left. */
  settle(): ReadonlyArray<string> {
    if (this.holds.size === 0) this.join("last")
    for (let round = 0; round < 600; round++) {
      this.machine.status = "active"
      for (const one of this.holds.keys()) this.grant(one, 10_000)
      this.flush()
      this.poll()
      for (const [one, holds] of this.holds) for (const _ of [...holds]) this.answer(one, 0, "accept")
      if (this.left().length === 0) break
      this.now += 10
    }
    return this.left()
  }

  grant(session: string, granted: number): void {
    this.machine.consumers.grant(session, granted)
    this.granted.set(session, Math.max(granted, this.granted.get(session) ?? 0))
  }

  left(): ReadonlyArray<string> {
    return leftOf(this.logs, this.firsts)
  }
}
