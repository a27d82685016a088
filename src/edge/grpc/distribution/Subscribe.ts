/**
 * Serves one call of `Subscribe`, from its hello to its end.
 *
 *   G3  Acks are handled where they arrive, without a fiber or a span for each message.
 *   G4  A call that sends nothing within 5 s is ended, and so is one that stops in the middle of its hello, or takes 60 s for it.
 *   G10 A hello may come in parts. Nothing of it is kept until the client is known to be allowed to subscribe. The bytes of all hellos that
 *       are kept are limited, and so is the number of those still incomplete: in all, and for one identity, which leaves room for others.
 */
import type { Metadata, ServerDuplexStream } from "@grpc/grpc-js"
import { Deferred, Effect, Exit } from "effect"
import type { ConfigUpdate, SubscribeRequest } from "../../../../proto/generated/herald/distribution/v1/distribution.ts"
import type { Identity } from "../../../access/Identity.ts"
import { Places } from "../../../access/Places.ts"
import { ByteBudget } from "../../../bounds/ByteBudget.ts"
import { failure, HeraldError } from "../../../errors/HeraldError.ts"
import { Held } from "../../../sessions/Held.ts"
import type { Session, Sink } from "../../../sessions/Session.ts"
import { Sessions } from "../../../sessions/Sessions.ts"
import { isFailure } from "../Decode.ts"
import type { Admitted } from "../Service.ts"
import { traced } from "../Spans.ts"
import { statusOf, statusOfEnding, statusOfExit } from "../Status.ts"
import { subscribeRequest } from "./Decode.ts"
import { answersOf, encode, heldOf, instanceOf, subscriptionOf } from "./Wire.ts"

/** Milliseconds until the first message, and between two parts of a hello. G4 */
const FIRST_MESSAGE = 5_000
/** Milliseconds for a hello in parts. G4 */
const WHOLE_HELLO = 60_000
/** Bytes of what one hello says that the client holds. G10 */
const HELLO = 96 * 1024 * 1024
/** Bytes of all hellos that are not yet compared, and of those of one identity. G10 */
const HELLOS = 256 * 1024 * 1024
const HELLOS_OF_ONE = 192 * 1024 * 1024
/** Hellos that are not complete yet. G10 */
const HALF_SAID: readonly [inAll: number, ofIdentity: number] = [1_024, 512]

/** Messages arrive as bytes: see Decode.ts. */
export type SubscribeCall = ServerDuplexStream<Buffer, ConfigUpdate>

type Timer = ReturnType<typeof setTimeout>

/** The stage of a call, with what has to be given back when it leaves that stage. */
type Stage =
  /** Nothing has come yet. */
  | { readonly name: "silent"; readonly late: Timer }
  /** It is being found out whether it may subscribe; nothing more is read. */
  | { readonly name: "asking" }
  /** It may, and its hello is coming in. `place`: given back once the hello is complete. */
  | {
      readonly name: "greeting"
      readonly first: SubscribeRequest
      readonly identity: Identity
      readonly held: Held
      readonly place: (() => void) | undefined
      readonly late: Timer | undefined
    }
  /** The hello is complete, and its session is being opened; nothing more is read. */
  | { readonly name: "opening"; readonly held: Held }
  /** The session has what the hello said. */
  | { readonly name: "open"; readonly session: Session }
  | { readonly name: "over" }

type Greeting = Stage & { readonly name: "greeting" }

const OVER: Stage = { name: "over" }
const ASKING: Stage = { name: "asking" }

/** Sends over the stream of a call that has no line. */
export const sinkOf = (call: SubscribeCall): Sink => ({
  // The service is registered with an identity serializer, so what is written is already encoded.
  write: (update) => call.writable && (call.write as unknown as (bytes: Buffer) => boolean).call(call, encode(update)),
  drained: (then) => (call.writableNeedDrain ? void call.once("drain", then) : queueMicrotask(then))
})

export interface SubscribeOptions extends Admitted {
  /** The full name of the method. */
  readonly method: string
  readonly authorised: (metadata: Metadata, environment: string) => Effect.Effect<Identity, HeraldError>
}

/** The handler of `Subscribe`, as grpc-js wants it. */
export const makeSubscribe = Effect.fnUntraced(function* (options: SubscribeOptions) {
  const { method, authorised, lineOf = () => undefined, arrivals } = options
  const sessions = yield* Sessions
  const run = Effect.runForkWith(yield* Effect.context<never>())
  const hellos = new ByteBudget(HELLOS, HELLOS_OF_ONE)
  const halfSaid = new Places(HALF_SAID)

  /** Whose hello this is, if it may subscribe. */
  const greeted = Effect.fnUntraced(function* (call: SubscribeCall, first: SubscribeRequest) {
    const instance = instanceOf(first)
    if (instance instanceof HeraldError) return yield* instance
    return yield* authorised(call.metadata, instance.environment)
  })

  const open = Effect.fnUntraced(function* (call: SubscribeCall, { first, identity, held }: Greeting) {
    const subscription = subscriptionOf(first, identity, held)
    if (subscription instanceof HeraldError) return yield* subscription
    return yield* sessions.open(subscription, lineOf(call.metadata)?.sink(call, encode) ?? sinkOf(call))
  })

  /** Adds what one part of a hello says is held; an error when it is wrong or too much. G10 */
  const hold = (held: Held, part: SubscribeRequest): HeraldError | undefined => {
    const entries = heldOf(part.held)
    if (entries instanceof HeraldError) return entries
    if (!held.add(entries))
      return failure("ServerFull", "clients that say what they hold take all the room there is for it; try again")
    return held.bytes > HELLO
      ? failure("InvalidInput", `held has ${held.size} entries, which is more than a client may hold`)
      : undefined
  }

  return (call: SubscribeCall): void => {
    const late = (what: string) => setTimeout(() => fail(failure("InvalidInput", what)), FIRST_MESSAGE) // G4
    let stage: Stage = { name: "silent", late: late("no SubscribeRequest came within 5 s") }

    /** Ends whatever stage it is in; false when it is over already. */
    const over = (reason: string): boolean => {
      const left = stage
      stage = OVER
      switch (left.name) {
        case "silent":
          clearTimeout(left.late)
          break
        case "greeting":
          clearTimeout(left.late)
          left.place?.()
          left.held.drop()
          break
        case "opening":
          left.held.drop()
          break
        case "open":
          sessions.end(left.session, { name: "Closed", reason })
      }
      return left.name !== "over"
    }
    const finish = (status: ReturnType<typeof statusOfEnding>) => {
      if (!over("the transport failed")) return
      if (status === undefined) call.end()
      else call.emit("error", status)
    }
    const fail = (error: HeraldError) => finish(statusOf(error))

    const opened = (exit: Exit.Exit<Session, HeraldError>) => {
      if (Exit.isFailure(exit)) return finish(statusOfExit(exit))
      const session = exit.value
      if (stage.name !== "opening") return sessions.end(session, { name: "Closed", reason: "the client left" })
      stage = { name: "open", session }
      call.resume()
      run(Effect.flatMap(Deferred.await(session.ended), (ending) => Effect.sync(() => finish(statusOfEnding(ending)))))
    }

    /** A place for an incomplete hello, and a time by which it must be complete. G4, G10 */
    const placeFor = (identity: Identity): (() => void) | HeraldError => {
      const place = halfSaid.take("", identity.name)
      if (typeof place === "number")
        return failure("ServerFull", "too many clients are in the middle of saying what they hold; try again")
      const tooLong = setTimeout(
        () => fail(failure("InvalidInput", "the hello was not whole within 60 s")),
        WHOLE_HELLO
      )
      return () => {
        clearTimeout(tooLong)
        place()
      }
    }

    /** Takes a part of the hello; the last one opens the session. Until then the call is resumed only for the next part. G10 */
    const greet = (greeting: Greeting, part: SubscribeRequest) => {
      const wrong = hold(greeting.held, part)
      if (wrong !== undefined) return fail(wrong)
      if (part.heldMore) {
        const place = greeting.place ?? placeFor(greeting.identity)
        if (place instanceof HeraldError) return fail(place)
        stage = { ...greeting, place, late: late("the next part of a hello did not come within 5 s") }
        return void call.resume()
      }
      greeting.place?.()
      stage = { name: "opening", held: greeting.held }
      run(traced(method, call, open(call, greeting), true)).addObserver(opened)
    }

    const ask = (first: SubscribeRequest) =>
      run(greeted(call, first)).addObserver((exit) => {
        if (Exit.isFailure(exit)) return finish(statusOfExit(exit))
        if (stage.name !== "asking") return
        const identity = exit.value
        const held = new Held(hellos, identity.name)
        const greeting: Greeting = { name: "greeting", first, identity, held, place: undefined, late: undefined }
        stage = greeting
        greet(greeting, first)
      })

    /** Called while the call is paused, so nothing else of it comes meanwhile. */
    const begin = (bytes: Buffer): void => {
      if (stage.name === "over") return
      const message = subscribeRequest(bytes)
      if (isFailure(message)) fail(message)
      else if (stage.name === "greeting") greet(stage, message)
      else ask(message)
    }

    const hear = (session: Session, bytes: Buffer): void => {
      const message = subscribeRequest(bytes)
      const answers = isFailure(message) ? message : answersOf(message.acks)
      if (answers instanceof HeraldError) fail(answers)
      else sessions.heard(session, answers) // G3
    }

    /** For messages that come past the stream, once nothing waits in it any more. */
    const direct = (bytes: Buffer): void => {
      if (stage.name === "open") hear(stage.session, bytes)
    }

    call.on("data", (bytes: Buffer) => {
      switch (stage.name) {
        case "open":
          hear(stage.session, bytes)
          if (call.readableLength === 0) lineOf(call.metadata)?.hear(direct)
          return
        case "silent":
          clearTimeout(stage.late)
          stage = ASKING
          break
        case "greeting":
          clearTimeout(stage.late)
          break
        case "over":
          return
      }
      call.pause()
      arrivals.soon(() => begin(bytes)) // G11
    })
    // A client that knows the protocol closes its half to leave. A simple one (grpcurl) just has nothing more to say, and listens on.
    call.on("end", () => {
      if (stage.name !== "open" || !stage.session.subscription.control) return
      over("the client left")
      call.end()
    })
    call.on("error", () => void over("the transport failed"))
    call.on("cancelled", () => void over("the client left"))
  }
})
