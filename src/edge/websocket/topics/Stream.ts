/**
 * The WebSocket of topics: who publishes, reads and consumes by JSON messages, several readers, consumers and many batches on one connection. docs/topics.md
 *
 *   YW3  A message that can't be read as one ends the socket; one that says what can't be done is answered with its id, and ends nothing.
 *   YW4  Batches of one socket are appended in their order, several at a time, and each is answered once, when it is durable.
 *   YW5  Who is over its rate, finds the node's room taken, or takes no answers, is read as fast as there is room: nothing of it is kept meanwhile.
 *   YW6  When the server leaves, batches that have begun are answered first; a socket that ends before has said of the others nothing, and they may be there.
 *   YW7  What publishes nothing is small, and refused as a message of too many bytes before anything is made of it but its type.
 */
import { Deferred, Effect, Exit, FiberSet, Result, Schema } from "effect"
import { CurrentIdentity, type Identity } from "../../../access/Identity.ts"
import { makePacing } from "../../../access/Pacing.ts"
import { failure, HeraldError } from "../../../errors/HeraldError.ts"
import { Fanout } from "../../../fanout/Fanout.ts"
import { ConsumerConnections, costOfAnswers } from "../../../subscriptions/ConsumerConnections.ts"
import { Publishing, type Turn, type Wish } from "../../../topics/Publishing.ts"
import { Workers } from "../../../work/Workers.ts"
import { errorIn } from "../../grpc/Status.ts"
import { bodyLimits } from "../../http/BodyLimits.ts"
import { Budget, reading } from "../../http/Budget.ts"
import { schemaFailure } from "../../http/Problem.ts"
import { eventsOf, producingOf, published } from "../../http/topics/EventWire.ts"
import { TopicFrames } from "../../http/topics/TopicFrames.ts"
import * as Http from "../../http/topics/Wire.ts"
import { makeSignIn } from "../SignIn.ts"
import { closeFor, type Socket, type SocketRoute } from "../Socket.ts"
import { wishOf } from "./Asked.ts"
import type { Consume } from "./ConsumeWire.ts"
import { Session } from "./Session.ts"
import { PATH, PROTOCOL, type Publish, type Read, type Said, schemaOf, types } from "./Wire.ts"

/** Bytes that cost as much as one request, and requests that each message counts as. */
const PER_TOKEN = 4_096
const costs: Readonly<Record<Said["type"], number>> = {
  ...{ publish: 4, open: 4, read: 4, consume: 4 },
  ...{ grant: 0, end: 0, answer: 0 }
}
const costOf = (said: Said): number =>
  costs[said.type] + (said.type === "answer" ? costOfAnswers(said.answers.length) : 0)
/** How long batches that have begun are waited for. YW6 */
const LAST = "1 second"

/** Bytes of a message that publishes nothing. YW7 */
const LARGEST = 262_144

const invalid = (message: string) => failure("InvalidInput", message)

export const makeTopicSockets = Effect.gen(function* () {
  const paced = yield* makePacing
  const publishing = yield* Publishing
  const fanout = yield* Fanout
  const connections = yield* ConsumerConnections
  const workers = yield* Workers
  const budget = yield* Budget
  const frames = yield* TopicFrames
  const { signIn, keep } = yield* makeSignIn()
  const run = yield* FiberSet.makeRuntime<never>()

  /** As long as the node has no room, it waits. YW5 */
  const placed = (wish: Wish, session: Session): ReturnType<typeof publishing.publish> =>
    Effect.catchIf(
      publishing.publish(wish),
      (error) => error.name === "PublishingBusy" && session.stopped === undefined,
      ({ details }) => Effect.andThen(Effect.sleep(Number(details?.["retryAfterMillis"] ?? 1)), placed(wish, session))
    )

  /** YW3: what can't be read as a message at all fails; what is wrong with one that has an id is told of that id. */
  const saidIn = Effect.fnUntraced(function* (bytes: Buffer, session: Session) {
    const found = yield* reading(budget, bytes.length, workers.carry(bytes, "events"))
    if (found._tag !== "Carried") return yield* invalid(`the message: ${found.reason}`)
    const json = found.json as { readonly type?: unknown; readonly id?: unknown } | null
    const schema = schemaOf(json?.type)
    if (schema === undefined) return yield* invalid(`type: a message is one of ${types.join(", ")}`)
    if (json?.type !== "publish" && bytes.length > LARGEST)
      return yield* failure("TooLarge", `a message has ${bytes.length} bytes; all but publish may have ${LARGEST}`)
    const said = Schema.decodeUnknownResult(schema, { onExcessProperty: "error" })(json)
    if (Result.isSuccess(said)) return said.success
    const wrong = schemaFailure("message", said.failure)
    if (typeof json?.id !== "string" || json.id.length > 64) return yield* wrong
    session.fail(json.id, wrong)
    return undefined
  })

  const read = Effect.fnUntraced(function* (session: Session, { id, as = "json", granted, ...asked }: Read) {
    const wish = wishOf(asked)
    if (wish instanceof HeraldError) return session.fail(id, wish)
    const held = session.read(id, granted, (told) => frames.of(asked.topic, told, as).frame)
    if (held instanceof HeraldError) return session.fail(id, held)
    const opened = yield* Effect.exit(fanout.open(wish, held))
    if (Exit.isSuccess(opened)) session.opened(id, held, opened.value)
    else session.refuse(id, errorIn(opened))
  })

  const consume = Effect.fnUntraced(function* (session: Session, identity: Identity, said: Consume) {
    const { id, topic, subscription, consumer = "", life = 0, granted = 0 } = said
    const connection = session.consume(said, (peer) => connections.admit(identity, peer))
    if (connection instanceof HeraldError) return session.fail(id, connection)
    const wish = { topicName: topic, subscriptionName: subscription, consumer, life }
    const joined = yield* Effect.exit(connection.join(wish))
    if (Exit.isFailure(joined)) return session.refuse(id, errorIn(joined))
    return connection.hear({ answers: [], receipt: 0, granted })
  })

  const open = Effect.fnUntraced(function* (
    session: Session,
    { id, topic, producer }: Extract<Said, { type: "open" }>
  ) {
    const found = yield* Effect.exit(publishing.open(topic, producer))
    if (Exit.isFailure(found)) return session.fail(id, errorIn(found))
    const text = JSON.stringify({ type: "opened", ...Http.opened(producer, found.value) })
    return session.tell(id, text.slice(1))
  })

  const serve = Effect.fnUntraced(function* (
    session: Session,
    identity: Identity,
    next: Effect.Effect<Buffer | undefined>
  ) {
    const appending = yield* FiberSet.make<void>()
    let before: Effect.Effect<void> = Effect.void

    const publish = Effect.fnUntraced(function* (said: Publish, bytes: number) {
      const { id, topic, partition, events: sent, type: _, ...produced } = said
      const taken = session.taken(id)
      const producing = producingOf(produced)
      const events = eventsOf({ events: sent })
      const wrong = [taken, producing, events].find((one) => one instanceof HeraldError)
      if (wrong !== undefined) return session.fail(id, wrong as HeraldError)
      session.begin(id, bytes)
      const [roomed, begun] = [Deferred.makeUnsafe<void>(), Deferred.makeUnsafe<void>()]
      const turn: Turn = {
        mine: before,
        roomed: () => void Deferred.doneUnsafe(roomed, Effect.void),
        begun: () => void Deferred.doneUnsafe(begun, Effect.void)
      }
      before = Deferred.await(begun)
      const wish = { topic, events, partition, producing, turn } as Wish
      const one = Effect.flatMap(Effect.exit(placed(wish, session)), (exit) =>
        Effect.sync(() => {
          turn.roomed() // also of one that failed before
          turn.begun()
          if (Exit.isSuccess(exit)) {
            const { partitions } = exit.value.topic
            session.tell(id, JSON.stringify({ type: "published", partitions, ...published(exit.value) }).slice(1))
          } else session.fail(id, errorIn(exit))
          session.done(id)
        })
      )
      yield* FiberSet.run(appending, one, { startImmediately: true })
      yield* Deferred.await(roomed) // YW4
    })

    const told = (id: string, wrong: HeraldError | undefined) =>
      wrong === undefined ? undefined : session.fail(id, wrong)

    const take = Effect.fnUntraced(function* (said: Said, bytes: number) {
      switch (said.type) {
        case "read":
          return yield* read(session, said)
        case "publish":
          return yield* publish(said, bytes)
        case "open":
          return yield* open(session, said)
        case "consume":
          return yield* consume(session, identity, said)
        case "answer":
          return told(said.id, session.answer(said))
        case "grant":
          return told(said.id, session.grant(said))
        case "end":
          return told(said.id, session.end(said.id))
      }
    })

    const clear = Effect.callback<void>((resume) =>
      session.socket.isClear || session.stopped !== undefined
        ? resume(Effect.void)
        : session.socket.whenClear(() => resume(Effect.void))
    )
    session.tell("", `"type":"welcome","name":${JSON.stringify(identity.name)}}`)
    const isOver = () => session.stopped !== undefined
    while (true) {
      yield* clear
      yield* session.room
      const bytes = session.stopped === undefined ? yield* next : undefined
      if (bytes === undefined) break
      yield* paced(identity, Math.ceil(bytes.length / PER_TOKEN), isOver) // YW5
      const said = yield* saidIn(bytes, session)
      if (said === undefined) continue
      yield* paced(identity, costOf(said), isOver)
      yield* take(said, bytes.length)
    }
    if (session.isOver) return
    yield* Effect.timeoutOption(session.answered, LAST) // YW6
    return yield* session.stopped ?? failure("Internal", "a socket ended without a reason")
  }, Effect.scoped)

  const opened = (socket: Socket): void => {
    const session = new Session(socket)
    let came: Buffer | undefined
    let wake: (() => void) | undefined
    const told = () => wake?.()
    const end = (error: HeraldError) => {
      session.stop(error)
      told()
    }
    socket.hear({
      message: (bytes) => {
        came = bytes
        told()
      },
      leaving: () => end(failure("Draining", "the server is leaving; go on with another")), // YW6
      over: () => {
        session.over()
        end(failure("Internal", "the client left"))
      }
    })
    const next = Effect.callback<Buffer | undefined>((resume) => {
      wake = () => {
        const bytes = came
        if (bytes === undefined && session.stopped === undefined) return
        came = undefined
        wake = undefined
        resume(Effect.succeed(bytes))
      }
      if (session.stopped === undefined) socket.read()
      else wake()
    })
    const whole = Effect.gen(function* () {
      const identity = yield* signIn(socket, next)
      if (identity === undefined) return
      const forget = keep({ identity, end })
      yield* Effect.ensuring(
        Effect.provideService(serve(session, identity, next), CurrentIdentity, identity),
        Effect.sync(forget)
      )
    })
    run(
      Effect.flatMap(Effect.exit(whole), (exit) =>
        Effect.sync(() => {
          const error = Exit.isFailure(exit) ? errorIn(exit) : undefined
          session.over(error)
          if (error !== undefined) closeFor(socket, error)
        })
      )
    )
  }

  const route: SocketRoute = { path: PATH, protocol: PROTOCOL, largest: bodyLimits.events + 65_536, open: opened }
  return [route] as const
})
