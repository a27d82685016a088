import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Logger, Redacted, Scope, type Tracer } from "effect"
import { TestClock } from "effect/testing"
import { layer as layerDigest } from "../../layers/Crypto/values/Digest.ts"
import * as Memory from "../../layers/Memory/Memory.ts"
import { Receivers } from "../../layers/Memory/Receivers.ts"
import { State } from "../../layers/Memory/State.ts"
import { SealTables } from "../../layers/Memory/seals/SealTables.ts"
import { Topic } from "../../layers/Memory/Topic.ts"
import { WebhookTables } from "../../layers/Memory/webhooks/WebhookTables.ts"
import { eventsOf } from "../../src/outbox/Event.ts"
import { sealed } from "../../src/outbox/Sealed.ts"
import type { Change } from "../../src/propagation/Revision.ts"
import { MAX_AGE } from "../../src/webhooks/Webhook.ts"
import type { Post } from "../../src/webhooks/WebhookPost.ts"
import { WebhookQueue } from "../../src/webhooks/WebhookQueue.ts"
import * as Webhooks from "../../src/webhooks/Webhooks.ts"
import { configuration } from "../support/Configuration.ts"
import { featureFlag } from "../support/FeatureFlag.ts"
import { rolloutOf } from "../support/Rollouts.ts"
import { testKey, testSeal } from "../support/Seal.ts"
import { kinds, known } from "../support/Twins.ts"

const [A, B] = ["https://a.example/hook", "https://b.example/s3cret"]
const secret = Redacted.make("twenty-four-letters-or-more")

/** A cluster's database and topic, and what its receivers do. */
const world = () => {
  const [state, topic, receivers] = [new State(), new Topic(), new Receivers()]
  state.tables(SealTables).keys.push(testKey)
  const around = Layer.mergeAll(Memory.layerOn(state), topic.layer, receivers.layer, layerDigest, kinds)
  const node = (urls: ReadonlyArray<string> = [A], on = around) =>
    Webhooks.layer({
      run: "run",
      urls: Redacted.make(urls),
      secret,
      previousSecret: undefined,
      keys: ["payment.*"]
    }).pipe(Layer.provide(on))
  let revision = 0
  const commit = (key: string, headers: Record<string, string> = {}, make: Make = configuration) => {
    const made = make(key, ++revision)
    return Effect.clockWith((clock) =>
      Effect.sync(() => {
        const committedAt = clock.currentTimeMillisUnsafe()
        const change = { epoch: "e", traceparent: "", actor: "ada", message: "", committedAt }
        for (const event of eventsOf(known, { ...change, revision: made.revision, changes: [made] }).map(
          sealed(testSeal)
        ))
          topic.write(event.key, event.body, { ...event.headers, ...headers }, committedAt)
      })
    )
  }
  const webhook = (url: string) =>
    [...state.tables(WebhookTables).webhooks.values()].filter(({ target }) => target.startsWith(url))
  const postsTo = (url: string) => receivers.posts.filter((post) => post.url === url)
  return { state, topic, receivers, around, node, commit, webhook, postsTo }
}

type Make = (key: string, revision: number) => Change & { readonly revision: bigint }

/** Lets fibers run, and `millis` pass. Signing is not of the test's clock. */
const pass = (millis: number) =>
  Effect.repeat(
    Effect.andThen(
      Effect.promise(() => new Promise((resolve) => setImmediate(resolve))),
      TestClock.adjust(millis / 40)
    ),
    { times: 39 }
  )
/** Signing takes real time, so a wait is for what must come, not for how long. */
const passUntil = (done: () => boolean) => Effect.repeat(pass(400), { until: done, times: 2_000 })
const answer = (status: number) => Effect.succeed({ kind: "answered", status, retryAfterMillis: undefined } as const)
const ids = (posts: ReadonlyArray<Post>) => posts.map(({ headers }) => headers["webhook-id"]!)
const statesOf = (state: State) => [...state.tables(WebhookTables).webhooks.values()].map(({ state }) => state)

describe("Webhooks", () => {
  it.effect("WN1 critical keys alone are told, of any kind, once to each receiver, from when it is known", () => {
    const { state, receivers, node, commit, postsTo } = world()
    return Effect.gen(function* () {
      yield* commit("payment.before")
      yield* TestClock.adjust("1 second")
      yield* Layer.build(node([A, B]))
      yield* Layer.build(node([A, B]))
      yield* pass(2_000)
      for (const key of ["payment.a", "other", "payment", "payment.b", "payment.a"]) yield* commit(key)
      for (const key of ["other", "payment.a"]) yield* commit(key, {}, featureFlag)
      for (const key of ["other", "payment.c"]) yield* commit(key, {}, rolloutOf)
      yield* passUntil(() => postsTo(A).length + postsTo(B).length >= 10)
      yield* pass(20_000)

      const wanted = [
        "e/10/@rollout/production/r10",
        "e/2/production/payment.a",
        "e/5/production/payment.b",
        "e/6/production/payment.a",
        "e/8/@flag/production/payment.a"
      ]
      for (const url of [A, B]) assert.deepStrictEqual(ids(postsTo(url)).map(decodeURIComponent).sort(), wanted, url)
      const types = receivers.posts.map(({ body }) => JSON.parse(body).type)
      assert.deepStrictEqual([...new Set(types)].sort(), ["config.updated", "flag.updated", "rollout.stage"])
      assert.isTrue(statesOf(state).every((one) => one === "delivered"))
    }).pipe(Effect.scoped)
  })

  it.effect("WN1 a post is in the publisher's trace, and names the receiver without its path", () => {
    const { receivers, node, commit } = world()
    const spans: Array<Tracer.Span> = []
    receivers.answer = () =>
      Effect.andThen(
        Effect.map(Effect.orDie(Effect.currentSpan), (span) => void spans.push(span)),
        answer(204)
      )
    return Effect.gen(function* () {
      yield* Layer.build(node([B]))
      yield* pass(2_000)
      yield* commit("payment.a", { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" })
      yield* passUntil(() => spans.length === 1)
      assert.deepInclude(spans[0]!, { name: "POST", kind: "client", traceId: "0af7651916cd43dd8448eb211c80319c" })
      const attributes = Object.fromEntries(spans[0]!.attributes)
      assert.deepInclude(attributes, { "http.request.method": "POST", "server.address": "b.example" })
      assert.notInclude(JSON.stringify(attributes), "s3cret")
    }).pipe(Effect.scoped)
  })

  it.effect("WS2 a claim that is answered late, as to a node that froze, is not posted; the next one is", () => {
    const { state, around, node, commit, postsTo } = world()
    let claims = 0
    const late = Layer.effect(
      WebhookQueue,
      Effect.map(WebhookQueue, (queue) =>
        WebhookQueue.of({
          ...queue,
          claim: (...asked) =>
            Effect.tap(queue.claim(...asked), ({ length }) =>
              length > 0 && ++claims === 1 ? Effect.sleep("11 seconds") : Effect.void
            )
        })
      )
    ).pipe(Layer.provideMerge(around))
    return Effect.gen(function* () {
      yield* Layer.build(node([A], late))
      yield* pass(2_000)
      yield* commit("payment.a")
      yield* passUntil(() => claims === 1)
      yield* pass(28_000) // its lease is 30 s
      assert.strictEqual(postsTo(A).length, 0)
      yield* passUntil(() => postsTo(A).length > 0)
      yield* pass(60_000)

      assert.strictEqual(postsTo(A).length, 1)
      assert.deepStrictEqual(statesOf(state), ["delivered"])
    }).pipe(Effect.scoped)
  })

  it.effect("WS1 WS4 a dead receiver is asked seldom and told once; another one waits for nothing", () => {
    const { receivers, node, commit, postsTo } = world()
    const lines: Array<string> = []
    const logger = Logger.layer([
      Logger.make(({ message, logLevel }) => void lines.push(`${logLevel} ${JSON.stringify(message)}`))
    ])
    let dead = true
    receivers.answer = ({ url }) =>
      url === A && dead
        ? Effect.as(Effect.sleep("9 seconds"), { kind: "unreachable", why: "no answer" } as const)
        : answer(204)
    return Effect.gen(function* () {
      yield* Layer.build(node([A, B]))
      yield* pass(2_000)
      for (let i = 0; i < 100; i++) yield* commit("payment.a")
      yield* passUntil(() => postsTo(B).length >= 100)
      assert.strictEqual(new Set(ids(postsTo(B))).size, 100)
      yield* pass(600_000)
      const tries = postsTo(A).length
      assert.isAbove(tries, 8)
      assert.isBelow(tries, 40)
      dead = false
      yield* passUntil(() => new Set(ids(postsTo(A))).size >= 100)
      yield* pass(5_000)
      const said = lines.filter((line) => /^(Warn|Info)/i.test(line))
      assert.strictEqual(said.length, 2, said.join("\n"))
      assert.include(said[0], "a receiver does not take webhooks")
      assert.include(said[1], "a receiver takes webhooks again")
      assert.notInclude(lines.join("\n"), "s3cret")
    }).pipe(Effect.provide(logger), Effect.scoped)
  })

  it.effect("WS3 WH3 a receiver that never takes one gets a bounded number of tries; then it is a dead letter", () => {
    const { state, topic, receivers, node, commit, postsTo } = world()
    receivers.answer = () => answer(503)
    return Effect.gen(function* () {
      yield* Layer.build(node())
      yield* pass(2_000)
      yield* commit("payment.a")
      yield* passUntil(() => postsTo(A).length >= 5)
      assert.deepStrictEqual(statesOf(state), ["waiting"])
      for (const held of state.tables(WebhookTables).webhooks.values()) held.createdAt -= MAX_AGE // a day goes by
      yield* passUntil(() => statesOf(state).includes("dead"))

      assert.isAtMost(postsTo(A).length, 40)
      assert.strictEqual(new Set(ids(postsTo(A))).size, 1)
      assert.strictEqual(new Set(postsTo(A).map(({ headers }) => headers["webhook-timestamp"])).size, postsTo(A).length)
      assert.deepStrictEqual(statesOf(state), ["dead"])
      assert.deepInclude(topic.letters[0]!, {
        group: "notification",
        reason: "retries_used_up",
        why: "it answered 503",
        target: [...state.tables(WebhookTables).webhooks.values()][0]!.target
      })
      assert.strictEqual(topic.letters[0]!.received.headers["ce_id"], "e/1/production/payment.a")
    }).pipe(Effect.scoped)
  })

  it.effect("WS3 while dead letters can't be written nothing is posted again, and the letter comes later", () => {
    const { state, topic, receivers, node, commit, postsTo } = world()
    receivers.answer = () => answer(410)
    return Effect.gen(function* () {
      yield* Layer.build(node())
      yield* pass(2_000)
      topic.down = true
      yield* commit("payment.a")
      yield* passUntil(() => statesOf(state).includes("failed"))
      yield* pass(300_000)
      assert.strictEqual(postsTo(A).length, 1)
      assert.deepStrictEqual([statesOf(state), topic.letters.length], [["failed"], 0])
      topic.down = false
      yield* passUntil(() => statesOf(state).includes("dead"))
      assert.deepStrictEqual([statesOf(state), topic.letters.length], [["dead"], 1])
      assert.strictEqual(postsTo(A).length, 1)
    }).pipe(Effect.scoped)
  })

  it.effect("WS2 what a node did not get to record is posted again under the same id, by another node", () => {
    const { state, receivers, node, commit, postsTo } = world()
    receivers.answer = () => Effect.never
    return Effect.gen(function* () {
      const first = yield* Scope.make()
      yield* Layer.build(node()).pipe(Scope.provide(first))
      yield* pass(2_000)
      yield* commit("payment.a")
      yield* passUntil(() => postsTo(A).length === 1)
      const closing = yield* Effect.forkChild(Scope.close(first, Exit.void))
      yield* pass(4_000)
      assert.isDefined(closing.pollUnsafe())
      receivers.answer = () => answer(204)
      yield* Layer.build(node())
      yield* passUntil(() => statesOf(state).includes("delivered"))

      assert.strictEqual(postsTo(A).length, 2)
      assert.strictEqual(new Set(ids(postsTo(A))).size, 1)
      assert.deepStrictEqual(statesOf(state), ["delivered"])
    }).pipe(Effect.scoped)
  })

  it.effect("WS2 a node that ends waits for an answer that is under way, and records it", () => {
    const { state, receivers, node, commit, postsTo } = world()
    let open = false
    receivers.answer = () =>
      Effect.andThen(Effect.repeat(Effect.sleep("100 millis"), { until: () => open }), answer(204))
    return Effect.gen(function* () {
      const first = yield* Scope.make()
      yield* Layer.build(node()).pipe(Scope.provide(first))
      yield* pass(2_000)
      yield* commit("payment.a")
      yield* passUntil(() => postsTo(A).length === 1)
      assert.deepStrictEqual(statesOf(state), ["waiting"])
      const closing = yield* Effect.forkChild(Scope.close(first, Exit.void))
      yield* pass(1_000)
      assert.isUndefined(closing.pollUnsafe())
      open = true
      yield* pass(1_000)
      assert.isDefined(closing.pollUnsafe())
      assert.deepStrictEqual(statesOf(state), ["delivered"])
    }).pipe(Effect.scoped)
  })

  it.effect("WS3 a dead letter that is put back is posted to the receiver that refused it, and to no other", () => {
    const { state, topic, receivers, node, commit, postsTo } = world()
    receivers.answer = ({ url }) => answer(url === A ? 410 : 204)
    return Effect.gen(function* () {
      yield* Layer.build(node([A, B]))
      yield* pass(2_000)
      yield* commit("payment.a")
      yield* passUntil(() => statesOf(state).includes("dead") && statesOf(state).includes("delivered"))
      const [letter] = topic.letters
      receivers.answer = () => answer(204)
      const { key, body, headers } = letter!.received
      const marks = { dead_group: letter!.group, dead_target: letter!.target }
      topic.write(new TextDecoder().decode(key!), body, { ...headers, ...marks })
      yield* passUntil(() => postsTo(A).length === 2)
      yield* pass(5_000)
      assert.deepStrictEqual([postsTo(A).length, postsTo(B).length], [2, 1])
      assert.strictEqual(ids(postsTo(A))[0], ids(postsTo(A))[1])
      assert.deepStrictEqual(statesOf(state), ["delivered", "delivered"])
    }).pipe(Effect.scoped)
  })
})
