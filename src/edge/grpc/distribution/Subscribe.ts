/**
 * Serves one call of `Subscribe`, from its hello to its end.
 *
 *   G3  Acks are handled where they arrive, without a fiber or a span for each message.
 *   G4  A call that sends nothing within 5 s is ended, and so is one that stops in the middle of its hello, or takes 60 s for it.
 *   G10 A hello may come in parts. Nothing of it is kept until the client is known to be allowed to subscribe. The bytes of all hellos that
 *       are kept are limited, and so is the number of those still incomplete: in all, and for one identity, which leaves room for others.
 */
import { Effect, Exit } from "effect"
import type { SubscribeRequest } from "../../../../proto/generated/herald/distribution/v1/distribution.ts"
import type { Identity } from "../../../access/Identity.ts"
import { Places } from "../../../access/Places.ts"
import { ByteBudget } from "../../../bounds/ByteBudget.ts"
import { failure, HeraldError } from "../../../errors/HeraldError.ts"
import type { Ending } from "../../../sessions/Ending.ts"
import { Held } from "../../../sessions/Held.ts"
import type { Session, Sink } from "../../../sessions/Session.ts"
import { Sessions } from "../../../sessions/Sessions.ts"
import { isFailure } from "../Decode.ts"
import { richStatusOf, richStatusOfEnding, richStatusOfExit } from "../RichStatus.ts"
import type { CallStatus, ServerCall } from "../ServerCall.ts"
import type { Admitted, AdmittedHandler } from "../Service.ts"
import { traced } from "../Spans.ts"
import { OK } from "../Status.ts"
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

/** Why a session is closed. One that knows no control messages never says that it leaves. */
const LEFT = { reason: "the client left" } as const
const BROKE = { reason: "the call broke off", broke: true } as const

const OVER: Stage = { name: "over" }
const ASKING: Stage = { name: "asking" }

/** Sends updates over a call, each as bytes that all who get it share. */
export const sinkOf = (call: ServerCall): Sink => ({
  write: (update) => call.send(encode(update)),
  drained: (then) => call.whenClear(then)
})

export interface SubscribeOptions extends Admitted {
  /** The full name of the method. */
  readonly method: string
  readonly authorised: (identity: Identity, environment: string) => Effect.Effect<Identity, HeraldError>
}

/** The handler of `Subscribe`. */
export const makeSubscribe = Effect.fnUntraced(function* (options: SubscribeOptions) {
  const { method, authorised, arrivals } = options
  const sessions = yield* Sessions
  const run = Effect.runForkWith(yield* Effect.context<never>())
  const hellos = new ByteBudget(HELLOS, HELLOS_OF_ONE)
  const halfSaid = new Places(HALF_SAID)

  /** Whose hello this is, if it may subscribe. */
  const greeted = Effect.fnUntraced(function* (caller: Identity, first: SubscribeRequest) {
    const instance = instanceOf(first)
    if (instance instanceof HeraldError) return yield* instance
    return yield* authorised(caller, instance.environment)
  })

  const open = Effect.fnUntraced(function* (call: ServerCall, { first, identity, held }: Greeting) {
    const subscription = subscriptionOf(first, identity, held)
    if (subscription instanceof HeraldError) return yield* subscription
    return yield* sessions.open(subscription, sinkOf(call))
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

  const subscribe: AdmittedHandler = (call, caller) => {
    const late = (what: string) => setTimeout(() => fail(failure("InvalidInput", what)), FIRST_MESSAGE) // G4
    let stage: Stage = { name: "silent", late: late("no SubscribeRequest came within 5 s") }

    /** Ends whatever stage it is in; false when it is over already. `ending`: of its session, beside that it is closed. */
    const over = (ending: Pick<Ending, "reason" | "broke">): boolean => {
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
          sessions.end(left.session, { name: "Closed", ...ending })
      }
      return left.name !== "over"
    }
    const finish = (status: CallStatus = OK) => {
      if (over({ reason: "the call was ended" })) call.end(status)
    }
    const fail = (error: HeraldError) => finish(richStatusOf(error))

    const opened = (exit: Exit.Exit<Session, HeraldError>) => {
      if (Exit.isFailure(exit)) return finish(richStatusOfExit(exit))
      const session = exit.value
      if (stage.name !== "opening") return sessions.end(session, { name: "Closed", reason: "the client left" })
      stage = { name: "open", session }
      call.read()
      session.whenEnded((ending) => finish(richStatusOfEnding(ending)))
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

    /** Takes a part of the hello; the last one opens the session. Until then no more is read than the next part. G10 */
    const greet = (greeting: Greeting, part: SubscribeRequest) => {
      const wrong = hold(greeting.held, part)
      if (wrong !== undefined) return fail(wrong)
      if (part.heldMore) {
        const place = greeting.place ?? placeFor(greeting.identity)
        if (place instanceof HeraldError) return fail(place)
        stage = { ...greeting, place, late: late("the next part of a hello did not come within 5 s") }
        return call.read()
      }
      greeting.place?.()
      stage = { name: "opening", held: greeting.held }
      run(traced(method, call, open(call, greeting), true)).addObserver(opened)
    }

    const ask = (first: SubscribeRequest) =>
      run(greeted(caller, first)).addObserver((exit) => {
        if (Exit.isFailure(exit)) return finish(richStatusOfExit(exit))
        if (stage.name !== "asking") return
        const identity = exit.value
        const held = new Held(hellos, identity.name)
        const greeting: Greeting = { name: "greeting", first, identity, held, place: undefined, late: undefined }
        stage = greeting
        greet(greeting, first)
      })

    /** Nothing else of the call is read meanwhile. */
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

    call.hear({
      message: (bytes) => {
        switch (stage.name) {
          case "open":
            hear(stage.session, bytes)
            return call.read()
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
        arrivals.soon(() => begin(bytes)) // G11
      },
      // A client that knows the protocol closes its half to leave. A simple one (grpcurl) just has nothing more to say, and listens on.
      end: () => {
        if (stage.name === "silent") return fail(failure("InvalidInput", "no SubscribeRequest came"))
        if (stage.name !== "open" || !stage.session.subscription.control) return
        over(LEFT)
        call.end(OK)
      },
      over: () => void over(stage.name === "open" && stage.session.subscription.control ? BROKE : LEFT)
    })
    call.read()
  }
  return subscribe
})
