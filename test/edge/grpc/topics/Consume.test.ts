/** Consumers of subscriptions at the gRPC door, as clients that nobody here wrote have it: grpc-js and generated code. */
import { afterEach, assert, describe, it } from "@effect/vitest"
import { type ClientDuplexStream, credentials, type ServiceError } from "@grpc/grpc-js"
import { Effect, Layer } from "effect"
import { afterAll, beforeAll } from "vitest"
import {
  AnswerKind,
  ConsumeRequest,
  type ConsumeResponse,
  type Delivery,
  TopicServiceClient
} from "../../../../proto/generated/herald/topics/v1/topics.ts"
import { Access } from "../../../../src/access/Access.ts"
import { CurrentIdentity, system } from "../../../../src/access/Identity.ts"
import type { CallStatus, ServerCall } from "../../../../src/edge/grpc/ServerCall.ts"
import { makeConsume } from "../../../../src/edge/grpc/topics/Consume.ts"
import { failure } from "../../../../src/errors/HeraldError.ts"
import { ConsumerConnections } from "../../../../src/subscriptions/ConsumerConnections.ts"
import type { Joined } from "../../../../src/subscriptions/Consuming.ts"
import type { Subscription } from "../../../../src/subscriptions/Subscription.ts"
import { Subscriptions } from "../../../../src/subscriptions/Subscriptions.ts"
import { Publishing } from "../../../../src/topics/Publishing.ts"
import { Topics } from "../../../../src/topics/Topics.ts"
import { Door, metadataOf } from "../../../support/Door.ts"
import { waitUntil } from "../../../support/waitUntil.ts"

let door: Door
beforeAll(async () => {
  door = await Door.open()
})
afterAll(() => door.close())
const closing: Array<() => void> = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

const options = { message: "", idempotencyKey: undefined }
const asSystem = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.provideService(effect, CurrentIdentity, system)
let made = 0
const event = (text: string, key: string | null = null) => ({
  ...{ key, payload: Buffer.from(text), eventTime: 17, headers: new Map([["from", "a test"]]) }
})
const subscribed = async (...texts: ReadonlyArray<string>) => {
  const topic = `t${++made}`
  await door.run(
    asSystem(
      Effect.gen(function* () {
        yield* (yield* Topics).create({ name: topic, description: "" }, options)
        const draft = {
          topicName: topic,
          subscriptionName: "s",
          type: "key_shared",
          start: { at: "earliest" }
        } as const
        yield* (yield* Subscriptions).create({ ...draft, backoffMillis: [1], deadLetterTopic: "" }, options)
        if (texts.length > 0)
          yield* (yield* Publishing).publish({ topic, events: texts.map((text) => event(text, "k")) })
      })
    )
  )
  return topic
}

class Consumer {
  readonly got: Array<ConsumeResponse> = []
  error: ServiceError | undefined
  ended = false
  readonly stream: ClientDuplexStream<ConsumeRequest, ConsumeResponse>

  constructor(first: Partial<ConsumeRequest> | undefined, token = door.token) {
    const client = new TopicServiceClient(door.address, credentials.createInsecure(), {
      "grpc.use_local_subchannel_pool": 1
    })
    this.stream = client.consume(metadataOf(`Bearer ${token}`))
    closing.push(() => {
      this.stream.cancel()
      client.close()
    })
    this.stream.on("error", (error: ServiceError) => (this.error = error))
    this.stream.on("data", (response: ConsumeResponse) => this.got.push(response))
    this.stream.on("end", () => (this.ended = true))
    if (first !== undefined) this.say({ subscription: "s", ...first })
  }

  say(request: Partial<ConsumeRequest>): void {
    this.stream.write(ConsumeRequest.fromPartial(request))
  }

  get deliveries(): ReadonlyArray<Delivery> {
    return this.got.flatMap(({ what }) => (what?.$case === "delivery" ? [what.value] : []))
  }

  get events() {
    return this.deliveries.flatMap(({ events }) => events)
  }

  answer(kind: AnswerKind, receipt: bigint): void {
    const { token, partition, epoch, events } = this.deliveries.at(-1)!
    const first = { partition, epoch, offset: events[0]!.offset }
    const answer = { kind, token, first, lastOffset: events.at(-1)!.offset, delayMs: 0n, reason: "" }
    this.say({ granted: 10n, answers: [answer], receipt })
  }

  has(what: string): boolean {
    return this.got.some((one) => one.what?.$case === what)
  }
}
const codeOf = (consumer: Consumer) =>
  waitUntil("an error", () => consumer.error).then(({ metadata }) => String(metadata.get("herald-code")[0]))

describe("Consume", () => {
  it("QY2 CY1 an event comes as it was published, no more of them than were granted, and a receipt says when it is done", async () => {
    const topic = await subscribed("one", "two", "three")
    const consumer = new Consumer({ topic, granted: 2n, consumer: "c" })
    await waitUntil("two events", () => consumer.events.length === 2)
    const [joined] = consumer.got
    assert.deepInclude(joined?.what?.value as object, { consumer: "c", leaseMs: 30_000n, maxAttempts: 16, type: 4 })
    assert.match((joined!.what!.value as { readonly subscriptionId: string }).subscriptionId, /^\d+$/) // QX5
    const [one] = consumer.events
    assert.deepInclude(one, { offset: 0n, attempt: 1 })
    assert.deepInclude(one?.event, { key: "k", payload: Buffer.from("one"), timeMs: 17n, headers: { from: "a test" } })
    assert.isAbove(Number(one?.publishedMs), 1_700_000_000_000)
    consumer.answer(AnswerKind.ANSWER_KIND_ACCEPT, 7n)
    await waitUntil("it is durable", () => consumer.has("durable"))
    await waitUntil("the third", () => consumer.events.length === 3)
    assert.strictEqual(consumer.deliveries.at(-1)!.events[0]!.offset, 2n)
  })

  it("LC3 what is behind one that failed is called back by the hash of its key, and comes again behind it", async () => {
    const topic = await subscribed("one", "two")
    const consumer = new Consumer({ topic, granted: 10n })
    await waitUntil("both", () => consumer.events.length === 2)
    const { token, partition, epoch } = consumer.deliveries[0]!
    const answer = (kind: AnswerKind, offset: bigint) => ({
      ...{ kind, token, first: { partition, epoch, offset }, lastOffset: offset, delayMs: 0n, reason: "no" }
    })
    consumer.say({ granted: 10n, answers: [answer(AnswerKind.ANSWER_KIND_FAIL, 0n)] })
    const parked = await waitUntil("it is called back", () =>
      consumer.got.map(({ what }) => what).find((what) => what?.$case === "parked")
    )
    assert.deepInclude(parked.value, { partition, offset: 0n })
    assert.isAbove((parked.value as { readonly keyHash: number }).keyHash, 0)
    consumer.say({ granted: 10n, answers: [answer(AnswerKind.ANSWER_KIND_ACCEPT, 1n)] })
    await waitUntil("it is refused", () => consumer.has("refused"))
    await waitUntil("the first again", () => consumer.events.length >= 3)
    assert.deepInclude(consumer.events[2], { offset: 0n, attempt: 2 })
  })

  it("QY4, QU3 who closes its half is told what is durable, and its call ends well", async () => {
    const topic = await subscribed("one")
    const consumer = new Consumer({ topic, granted: 10n })
    await waitUntil("it", () => consumer.events.length === 1)
    consumer.answer(AnswerKind.ANSWER_KIND_ACCEPT, 1n)
    consumer.stream.end()
    await waitUntil("the end", () => consumer.ended)
    assert.isTrue(consumer.has("durable"))
    assert.isUndefined(consumer.error)
    const next = new Consumer({ topic, granted: 10n })
    await waitUntil("it takes part", () => next.has("state"))
    assert.strictEqual(next.events.length, 0)
  })

  it("QY1 what is wrong is refused: fields, answers, and who may not consume", async () => {
    const topic = await subscribed("one")
    const wrong: ReadonlyArray<Partial<ConsumeRequest>> = [
      { topic: "../up" },
      { topic, consumer: "x".repeat(129) },
      { topic, life: 2n ** 60n },
      { topic, answers: [{ kind: 0, token: 1n, first: undefined, lastOffset: 0n, delayMs: 0n, reason: "" }] }
    ]
    for (const first of wrong) assert.strictEqual(await codeOf(new Consumer(first)), "HRLD-1001")
    assert.strictEqual(await codeOf(new Consumer({ topic, subscription: "none" })), "HRLD-2084")
    assert.strictEqual(await codeOf(new Consumer({ topic: "none" })), "HRLD-2077")
    const viewer = await door.key("viewer")
    assert.strictEqual(await codeOf(new Consumer({ topic }, viewer)), "HRLD-3002")
    const first = { partition: 0, epoch: 1, offset: 0n }
    const answers = [
      { kind: 9 as AnswerKind, token: 1n, first, lastOffset: 0n, delayMs: 0n, reason: "" },
      { kind: AnswerKind.ANSWER_KIND_FAIL, token: 1n, first, lastOffset: 0n, delayMs: 86_400_001n, reason: "" },
      { kind: AnswerKind.ANSWER_KIND_FAIL, token: 1n, first, lastOffset: 0n, delayMs: 0n, reason: "x".repeat(1_001) },
      { kind: AnswerKind.ANSWER_KIND_FAIL, token: 2n ** 63n, first, lastOffset: 0n, delayMs: 0n, reason: "" }
    ]
    for (const answer of answers) {
      const consumer = new Consumer({ topic, granted: 1n })
      await waitUntil("it takes part", () => consumer.has("joined"))
      consumer.say({ granted: 1n, answers: [answer] })
      assert.strictEqual(await codeOf(consumer), "HRLD-1001")
    }
  })

  it("QY3, QU2 whoever says nothing, loses its key or whose server leaves is ended", async () => {
    const topic = await subscribed()
    const key = await door.run(
      asSystem(
        Effect.flatMap(Access, (access) =>
          access.createKey({ add: true, name: "goes", role: "admin", environments: ["*"], expiresAt: null })
        )
      )
    )
    const consumer = new Consumer({ topic }, key.token)
    const silent = new Consumer(undefined)
    await waitUntil("it takes part", () => consumer.has("joined"))
    await door.run(asSystem(Effect.flatMap(Access, (access) => access.revokeKey(key.key.id))))
    assert.strictEqual(await codeOf(consumer), "HRLD-5005")
    assert.strictEqual(await codeOf(silent), "HRLD-1001")
    await using other = await Door.open()
    const before = door
    door = other
    const its = await subscribed()
    const last = new Consumer({ topic: its })
    await waitUntil("it takes part", () => last.has("joined"))
    door = before
    await other.close()
    assert.strictEqual(await codeOf(last), "HRLD-5001")
  })

  it("QY6 who is over its rate is heard no further until it isn't", async () => {
    let [reads, refusals, heard] = [0, 0, 0]
    const limited = failure("RateLimited", "too many", { details: { retryAfterMillis: 1 } })
    const access = { spend: () => (refusals-- > 0 ? Effect.fail(limited) : Effect.void) }
    const subscription = { ackTimeoutMillis: 1, maxAttempts: 1, type: "shared" } as Subscription
    const connections = ConsumerConnections.of({
      drain: Effect.void,
      admit: (_, { joined }) => ({
        join: () => Effect.sync(() => joined({ name: "c", subscription } as Joined)),
        hear: () => void heard++,
        ...{ goodbye: () => {}, broke: () => {}, end: (error) => assert.fail(error.message) }
      })
    })
    const make = makeConsume({ arrivals: { soon: (work) => work() } })
    const { handlers } = await Effect.runPromise(
      make.pipe(
        Effect.provideService(Access, access as unknown as Access["Service"]),
        Effect.provideService(ConsumerConnections, connections)
      )
    )
    let message: ((bytes: Buffer) => void) | undefined
    const call: Partial<ServerCall> = {
      ...{
        metadata: { get: () => [], getMap: () => ({}) },
        peer: { address: "", port: undefined },
        path: "",
        host: ""
      },
      ...{ begin: () => {}, send: () => true },
      hear: (listener) => void (message = listener.message),
      read: () => void reads++
    }
    handlers.consume(call as ServerCall, system)
    const say = (request: Partial<ConsumeRequest>) =>
      message?.(Buffer.from(ConsumeRequest.encode(ConsumeRequest.fromPartial(request)).finish()))
    say({ topic: "t", subscription: "s" })
    await waitUntil("it is asked for more", () => reads === 2)
    refusals = 5
    say({ granted: 1n })
    assert.strictEqual(reads, 2)
    await waitUntil("it is asked for more", () => reads === 3)
    assert.deepStrictEqual([refusals, heard], [-1, 2])
  })

  it("QU1 consumers are limited in number, and a place is given back", () =>
    door.run(
      Effect.scoped(
        Effect.gen(function* () {
          const { handlers } = yield* makeConsume({ arrivals: { soon: (work) => work() } })
          const call = () => {
            const said: { status?: CallStatus; over?: () => void } = {}
            const one: Partial<ServerCall> = {
              hear: ({ over }) => void (said.over = over),
              read: () => {},
              end: (status) => void (said.status = status)
            }
            handlers.consume(one as ServerCall, system)
            return said
          }
          const first = call()
          assert.isUndefined(first.status)
          assert.strictEqual(String(call().status?.trailers?.["herald-code"]), "HRLD-3004")
          first.over?.()
          const third = call()
          assert.isUndefined(third.status)
          third.over?.()
        })
      ).pipe(Effect.provide(Layer.fresh(ConsumerConnections.layer([2, 1]))))
    ))
})
