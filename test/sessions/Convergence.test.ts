/** Promise 2: whatever happens in whatever order, every client ends with the newest committed value and never goes backwards. */
import { assert, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { TestClock } from "effect/testing"
import { Propagation } from "../../src/propagation/Propagation.ts"
import type { Session } from "../../src/sessions/Session.ts"
import { Sessions } from "../../src/sessions/Sessions.ts"
import { FakeSink } from "../support/FakeSink.ts"
import { publish } from "../support/Release.ts"
import { subscription } from "../support/Subscription.ts"
import { sessionsWith } from "../support/Twins.ts"

const Step = Schema.Union([
  Schema.Struct({
    do: Schema.Literal("publish"),
    key: Schema.Literals(["svc", "svc.a", "svc.b"]),
    hinted: Schema.Boolean,
    gone: Schema.Boolean
  }),
  Schema.Struct({
    do: Schema.Literals(["connect", "leave", "crash", "block", "unblock"]),
    client: Schema.Literals(["x", "y"])
  }),
  Schema.Struct({ do: Schema.Literal("time"), millis: Schema.Literals([1, 100, 600]) })
])

/** What a real client would hold: it applies what it gets and remembers across connections. */
class Client {
  readonly held = new Map<string, { readonly content: string; readonly digest: string; readonly revision: bigint }>()
  readonly backwards: Array<string> = []
  sink: FakeSink | undefined
  session: Session | undefined
  #seen = 0

  apply(sessions: Sessions["Service"]): void {
    if (this.sink === undefined || this.session === undefined) return
    for (const update of this.sink.values.slice(this.#seen)) {
      const before = this.held.get(update.key)
      if (before !== undefined && update.revision < before.revision) this.backwards.push(update.key)
      this.held.set(update.key, {
        content: update.kind === "deleted" ? "" : update.content,
        digest: update.kind === "deleted" ? "" : update.digest,
        revision: update.revision
      })
      sessions.heard(this.session, [
        { key: update.key, revision: update.revision, epoch: update.epoch, applied: true, reason: "" }
      ])
    }
    this.#seen = this.sink.values.length
  }

  forget(): void {
    this.sink = undefined
    this.session = undefined
    this.#seen = 0
  }
}

it.effect.prop(
  "P1 S2 any interleaving of publishes, disconnects, resumes and crashes converges to the newest and never goes backwards",
  [Schema.Array(Step)],
  ([steps]) =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      const propagation = yield* Propagation
      const clients = new Map(["x", "y"].map((name) => [name, new Client()]))
      const newest = new Map<string, string>()
      let n = 0

      const connect = Effect.fnUntraced(function* (name: string) {
        const client = clients.get(name)!
        client.forget()
        client.sink = new FakeSink()
        const held = new Map([...client.held].map(([key, { digest }]) => [key, digest]))
        client.session = yield* sessions.open(subscription({ instance: name, held, acceptsDelta: true }), client.sink)
      })

      for (const step of steps) {
        if (step.do === "publish") {
          const known = newest.get(step.key)
          const value = step.gone && known !== undefined && known !== "" ? null : `value ${++n}`
          yield* publish({ key: step.key, value }, step.hinted)
          newest.set(step.key, value ?? "")
        } else if (step.do === "time") yield* TestClock.adjust(step.millis)
        else {
          const client = clients.get(step.client)!
          if (step.do === "connect") yield* connect(step.client)
          else if (step.do === "block" && client.sink) client.sink.blocked = true
          else if (step.do === "unblock") client.sink?.unblock()
          else if (step.do === "leave" || step.do === "crash") {
            if (step.do === "crash" && client.sink)
              client.sink.write = () => {
                throw new Error("crash")
              }
            else if (client.session) sessions.end(client.session, { name: "Closed", reason: "test" })
            if (step.do === "leave") client.forget()
          }
        }
        for (const client of clients.values()) client.apply(sessions)
      }
      for (const name of clients.keys()) yield* connect(name)
      for (let i = 0; i < 4; i++) {
        yield* TestClock.adjust("600 millis")
        for (const client of clients.values()) client.apply(sessions)
      }

      assert.isFalse(propagation.stale())
      for (const client of clients.values()) {
        assert.deepStrictEqual(client.backwards, [])
        for (const [key, value] of newest) assert.strictEqual(client.held.get(key)?.content ?? "", value)
      }
    }).pipe(Effect.provide(sessionsWith({}))),
  { arbitrary: { runs: 150 } }
)
