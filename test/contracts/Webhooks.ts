/** What the queue of webhooks and the audit log of clients must do. Run by Memory.test.ts and Postgres.test.ts. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { AuditLog } from "../../src/audit/AuditLog.ts"
import { ClientAudit, type ClientEntry } from "../../src/consumers/ClientAudit.ts"
import { Leases } from "../../src/leases/Leases.ts"
import { WebhookQueue } from "../../src/webhooks/WebhookQueue.ts"
import { verified } from "./Verified.ts"

type Test = <E>(
  name: string,
  body: () => Effect.Effect<void, E, WebhookQueue | ClientAudit | AuditLog | Leases>
) => void

let made = 0
const fresh = (what: string) => `${what}-${process.pid}-${++made}`
const later = () => Date.now() + 60_000
const hook = (id: string, again: string | null = null, millis = later()) => ({ id, millis, record: `of ${id}`, again })
const entry = (id: string, more: Partial<ClientEntry> = {}): ClientEntry => ({
  id,
  action: "client.connect",
  environment: "production",
  service: "svc",
  instance: "i",
  node: "n1",
  reason: "",
  at: "2026-01-01T00:00:00.000Z",
  ...more
})

export const webhooksContract = (test: Test) => {
  test("WQ1 an event is queued once for each target, however often it is added", () =>
    Effect.gen(function* () {
      const queue = yield* WebhookQueue
      const [one, two, id] = [fresh("target"), fresh("target"), fresh("event")]
      yield* queue.introduce([one, two])
      yield* queue.introduce([one])
      assert.strictEqual(yield* queue.add([hook(id), hook(id)], [one, two, "unknown"]), 2)
      assert.strictEqual(yield* queue.add([hook(id), hook(fresh("event"))], [one]), 1)
      const [claimed] = yield* queue.claim(one, 1, 60_000)
      assert.deepInclude(claimed!, { id, record: `of ${id}`, attempts: 1, failed: false, problem: "" })
      yield* queue.settle(one, claimed!, { state: "delivered" })
      assert.strictEqual(yield* queue.add([hook(id)], [one, two]), 0)
      const standing = yield* queue.standing([one, two])
      assert.deepStrictEqual(
        new Map(standing.map(({ target, waiting }) => [target, waiting])),
        new Map([
          [one, 1],
          [two, 1]
        ])
      )
    }))

  test("WQ1 what was committed before the target was known, or more than a week ago, is not queued", () =>
    Effect.gen(function* () {
      const queue = yield* WebhookQueue
      const target = fresh("target")
      yield* queue.introduce([target])
      const before = Date.now() - 3_600_000
      assert.strictEqual(yield* queue.add([hook(fresh("event"), null, before)], [target]), 0)
      assert.strictEqual(yield* queue.add([hook(fresh("event"), null, before - 8 * 86_400_000)], [target]), 0)
      assert.strictEqual(yield* queue.add([hook(fresh("event"), target, before)], [target, fresh("target")]), 1)
    }))

  test("WQ1 only a dead one is revived, only for its target, and only when that is asked for", () =>
    Effect.gen(function* () {
      const queue = yield* WebhookQueue
      const [one, two, id] = [fresh("target"), fresh("target"), fresh("event")]
      yield* queue.introduce([one, two])
      yield* queue.add([hook(id)], [one, two])
      const [claimed] = yield* queue.claim(one, 1, 60_000)
      assert.strictEqual(yield* queue.add([hook(id, one)], [one, two]), 0)
      yield* queue.settle(one, claimed!, { state: "failed", problem: "refused: 410" })
      const [failed] = yield* queue.claim(one, 1, 60_000)
      assert.deepInclude(failed!, { id, failed: true, problem: "refused: 410" })
      yield* queue.settle(one, failed!, { state: "dead" })
      assert.strictEqual(yield* queue.add([hook(id), hook(id, two)], [one, two]), 0)
      assert.strictEqual(yield* queue.add([hook(id, one)], [one, two]), 1)
      assert.deepInclude((yield* queue.claim(one, 1, 60_000))[0]!, { id, attempts: 1, failed: false, problem: "" })
    }))

  test("WQ2 a claim is exclusive until its lease ends, and only the newest can say what became of it", () =>
    Effect.gen(function* () {
      const queue = yield* WebhookQueue
      const [target, id] = [fresh("target"), fresh("event")]
      yield* queue.introduce([target])
      yield* queue.add([hook(id)], [target])
      const [first] = yield* queue.claim(target, 10, 50)
      assert.deepStrictEqual(yield* queue.claim(target, 10, 60_000), [])
      yield* Effect.sleep("100 millis")
      const [second] = yield* queue.claim(target, 10, 60_000)
      assert.strictEqual(second!.attempts, first!.attempts + 1)
      yield* queue.settle(target, first!, { state: "dead" })
      yield* queue.settle(target, first!, { state: "waiting", afterMillis: 0, problem: "old" })
      assert.deepStrictEqual(yield* queue.claim(target, 10, 60_000), [])
      yield* queue.settle(target, second!, { state: "waiting", afterMillis: 0, problem: "503" })
      const [third] = yield* queue.claim(target, 10, 60_000)
      assert.deepInclude(third!, { problem: "503", attempts: 3 })
      yield* queue.settle(target, first!, { state: "delivered" }) // it was: that counts
      yield* queue.settle(target, third!, { state: "waiting", afterMillis: 0, problem: "late" })
      assert.deepStrictEqual(yield* queue.claim(target, 10, 60_000), [])
      assert.strictEqual((yield* queue.standing([target]))[0]!.waiting, 0)
    }))

  test("WQ2 of many that claim at once each webhook is one's", () =>
    Effect.gen(function* () {
      const queue = yield* WebhookQueue
      const target = fresh("target")
      yield* queue.introduce([target])
      yield* queue.add(
        Array.from({ length: 40 }, () => hook(fresh("event"))),
        [target]
      )
      const claims = yield* Effect.all(
        Array.from({ length: 8 }, () => queue.claim(target, 5, 60_000)),
        { concurrency: "unbounded" }
      )
      const ids = claims.flat().map(({ id }) => id)
      assert.strictEqual(new Set(ids).size, ids.length)
      const rest = yield* queue.claim(target, 100, 60_000)
      assert.strictEqual(new Set([...ids, ...rest.map(({ id }) => id)]).size, 40)
      assert.strictEqual(ids.length + rest.length, 40)
      const leases = yield* Leases
      const lease = (yield* leases.claim("webhooks", "test", 60_000))!
      assert.deepStrictEqual(yield* queue.sweep(lease, 60_000), { abandoned: 0, more: false })
      assert.isUndefined(yield* queue.sweep({ ...lease, token: lease.token - 1n }, 60_000))
    }))

  test("AU1 an event of a client is in the audit log once, even when many write it at once, and the chain verifies", () =>
    Effect.gen(function* () {
      const [audit, log] = [yield* ClientAudit, yield* AuditLog]
      const ids = Array.from({ length: 30 }, () => fresh("client"))
      const entries = ids.map((id, i) => entry(id, { instance: `ü${i}`, service: "svc.a", reason: "Draining" }))
      const counts = yield* Effect.all(
        [entries, entries.slice(10), [...entries].reverse(), [...entries.slice(0, 5), ...entries.slice(0, 5)]].map(
          (some) => audit.append(some)
        ),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(
        counts.reduce((sum, n) => sum + n, 0),
        30
      )
      const read = yield* log.read({ limit: 500, environment: "production" })
      const mine = read.filter(({ details }) => ids.includes(String(details["event"])))
      assert.strictEqual(mine.length, 30)
      const one = mine.find(({ details }) => details["event"] === ids[3])!
      assert.deepInclude(one, {
        action: "client.connect",
        configId: "production/svc.a",
        performedBy: "client:svc.a/ü3",
        details: { event: ids[3]!, node: "n1", reason: "Draining", at: "2026-01-01T00:00:00.000Z" }
      })
      assert.isUndefined((yield* verified).problem)
      assert.strictEqual(yield* audit.append([]), 0)
    }))
}
