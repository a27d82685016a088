/**
 * Serves the WebSocket of market data: who is there, what it subscribes to, and the end of it.
 *
 *   YM3  A message that is none, or a subscription that can't be, is answered by an error with the id that it named, and ends nothing else of the socket.
 *   YM4  A socket has at most `SUBSCRIPTIONS`, each with an id; what is slow waits below, and is told the newest of each symbol unless it asked for more.
 *   YI1, YI2 in SignIn.ts
 */
import { Clock, Effect, Exit, FiberSet, Result, Schema } from "effect"
import { Access } from "../../../access/Access.ts"
import { CurrentIdentity, type Identity } from "../../../access/Identity.ts"
import { failure, type HeraldError } from "../../../errors/HeraldError.ts"
import { MarketStreams } from "../../../marketdata/MarketStreams.ts"
import { excerpt } from "../../../text/Excerpt.ts"
import { errorIn } from "../../grpc/Status.ts"
import { schemaFailure } from "../../http/Problem.ts"
import { problemText } from "../../http/topics/StreamText.ts"
import { textFrame } from "../Frame.ts"
import { makeSignIn } from "../SignIn.ts"
import { closeFor, type Socket, type SocketRoute } from "../Socket.ts"
import { framesOf, idIn, PATHS, PROTOCOL, Said, type Subscribe, wishOf } from "./Wire.ts"

/** YM4 */
export const SUBSCRIPTIONS = 8
/** Bytes of a message. */
const LARGEST = 65_536
/** Requests that a message counts as. */
const COST = 4

const jsonOf = Schema.decodeUnknownResult(Schema.fromJsonString(Schema.Unknown))
const saidOf = Schema.decodeUnknownResult(Said, { onExcessProperty: "error" })
const invalid = (message: string) => failure("InvalidInput", message)

/** What one socket has. */
interface Held {
  readonly socket: Socket
  /** By id; undefined: it is being opened. */
  readonly subscriptions: Map<string, (() => void) | undefined>
  stopped: HeraldError | undefined
}

export const makeMarketSockets = Effect.gen(function* () {
  const access = yield* Access
  const streams = yield* MarketStreams
  const clock = yield* Clock.Clock
  const { signIn, keep } = yield* makeSignIn()
  const run = yield* FiberSet.makeRuntime<never>()
  const now = () => clock.currentTimeMillisUnsafe()

  const fail = ({ socket }: Held, id: string, error: HeraldError): void => {
    const payload = `{"id":${JSON.stringify(id)},"problem":${problemText(error)}}`
    socket.send(textFrame(`{"type":"error","payload":${payload},"timestamp":"${new Date(now()).toISOString()}"}`))
  }

  const leave = (held: Held, id: string): void => {
    const close = held.subscriptions.get(id)
    held.subscriptions.delete(id)
    close?.()
  }

  const subscribe = Effect.fnUntraced(function* (held: Held, said: Subscribe) {
    const { socket, subscriptions } = held
    const { id = "" } = said.payload
    if (subscriptions.has(id)) return fail(held, id, invalid(`payload.id: ${excerpt(id)} is subscribed already`))
    if (subscriptions.size >= SUBSCRIPTIONS)
      return fail(
        held,
        id,
        failure("TooManySubscriptions", `this WebSocket has ${SUBSCRIPTIONS} subscriptions, and may not have more`)
      )
    subscriptions.set(id, undefined)
    const listener = {
      write: (told: Parameters<typeof framesOf>[1]) => socket.send(...framesOf(id, told, now())),
      drained: (then: () => void) => socket.whenClear(then),
      end: (error: HeraldError) => {
        leave(held, id)
        fail(held, id, error)
      }
    }
    const opened = yield* Effect.exit(streams.open(wishOf(said), listener))
    if (Exit.isFailure(opened)) {
      subscriptions.delete(id)
      fail(held, id, errorIn(opened))
    } else if (held.stopped === undefined && subscriptions.has(id)) subscriptions.set(id, opened.value)
    else opened.value()
  })

  /** YM3 */
  const take = Effect.fnUntraced(function* (held: Held, identity: Identity, bytes: Buffer) {
    const spent = yield* Effect.exit(access.spend(identity, COST))
    const json = jsonOf(bytes.toString())
    const id = Result.isSuccess(json) ? idIn(json.success) : ""
    if (Exit.isFailure(spent)) return fail(held, id, errorIn(spent))
    if (Result.isFailure(json)) return fail(held, id, schemaFailure("message", json.failure))
    const said = saidOf(json.success)
    if (Result.isFailure(said)) return fail(held, id, schemaFailure("message", said.failure))
    if (said.success.type === "subscribe") return yield* subscribe(held, said.success)
    if (!held.subscriptions.has(id)) return fail(held, id, invalid(`payload.id: ${excerpt(id)} is not subscribed`))
    return leave(held, id)
  })

  const serve = Effect.fnUntraced(function* (held: Held, identity: Identity, next: Effect.Effect<Buffer | undefined>) {
    while (true) {
      // Who takes no answers is not heard.
      yield* Effect.callback<void>((resume) =>
        held.socket.isClear || held.stopped !== undefined
          ? resume(Effect.void)
          : held.socket.whenClear(() => resume(Effect.void))
      )
      const bytes = held.stopped === undefined ? yield* next : undefined
      if (bytes === undefined) return
      yield* take(held, identity, bytes)
    }
  })

  const opened = (socket: Socket): void => {
    const held: Held = { socket, subscriptions: new Map(), stopped: undefined }
    let came: Buffer | undefined
    let wake: (() => void) | undefined
    const end = (error: HeraldError): void => {
      if (held.stopped !== undefined) return
      held.stopped = error
      for (const id of [...held.subscriptions.keys()]) leave(held, id)
      closeFor(socket, error)
      wake?.()
    }
    socket.hear({
      message: (bytes) => {
        came = bytes
        wake?.()
      },
      leaving: () => end(failure("Draining", "the server is leaving; go on with another")),
      over: () => end(failure("Internal", "the client left"))
    })
    const next = Effect.callback<Buffer | undefined>((resume) => {
      wake = () => {
        const bytes = came
        if (bytes === undefined && held.stopped === undefined) return
        came = undefined
        wake = undefined
        resume(Effect.succeed(bytes))
      }
      if (held.stopped === undefined) socket.read()
      else wake()
    })
    const whole = Effect.gen(function* () {
      const identity = yield* signIn(socket, next)
      if (identity === undefined) return
      const forget = keep({ identity, end })
      const served = Effect.provideService(serve(held, identity, next), CurrentIdentity, identity)
      yield* Effect.ensuring(served, Effect.sync(forget))
    })
    run(
      Effect.flatMap(Effect.exit(whole), (exit) =>
        Effect.sync(() =>
          end(Exit.isFailure(exit) ? errorIn(exit) : failure("Internal", "a socket ended without a reason"))
        )
      )
    )
  }

  return PATHS.map((path): SocketRoute => ({ path, protocol: PROTOCOL, largest: LARGEST, open: opened }))
})
