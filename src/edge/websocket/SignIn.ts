/**
 * Says who is at the other end of a socket. A browser can send no header with a WebSocket, and a URL is no place for a token, so it may come in the first
 * message.
 *
 *   YI1  Nobody is served who has not shown a token, or a certificate that stands for somebody: in the header `authorization`, or as `{"type":"hello","token":"…"}`, the first message, within 5 s.
 *   YI2  A socket whose API key is no longer good ends within 5 s; one that is refused is closed with the code of the error, and its token is in no answer.
 */
import { Effect, Result, Schema } from "effect"
import { Access } from "../../access/Access.ts"
import type { Identity } from "../../access/Identity.ts"
import { makeRefusals } from "../../access/Refusals.ts"
import { makeWatching } from "../../access/Watching.ts"
import { failure, type HeraldError } from "../../errors/HeraldError.ts"
import { afterEvery } from "../../telemetry/Every.ts"
import { isOfPage } from "../Page.ts"
import { FIRST_BYTES, type Socket } from "./Socket.ts"

/** YI1 */
const Hello = Schema.Struct({ type: Schema.Literal("hello"), token: Schema.String })
const helloOf = Schema.decodeUnknownResult(Schema.fromJsonString(Hello), { onExcessProperty: "error" })

/** How a first message says a token. */
export interface Greeting {
  /** For people: such a message. */
  readonly form: string
  /** Undefined: it is none. Of at most `FIRST_BYTES`. */
  readonly tokenIn: (first: Buffer) => string | undefined
  /** What else opens it, in the first message. Undefined: that is none. */
  readonly otherwise?: (token: string, address: string) => Effect.Effect<Identity, HeraldError> | undefined
}
const usual: Greeting = {
  form: '{"type":"hello","token":"…"}',
  tokenIn: (first) => {
    const found = helloOf(first.toString())
    return Result.isSuccess(found) ? found.success.token : undefined
  }
}

const FIRST = "5 seconds"
const CHECK = "2 seconds"

const unsaid = (form: string) =>
  failure("Unauthenticated", `no token came within 5 s: send the header authorization, or ${form} as the first message`)

export interface Signed {
  readonly identity: Identity
  readonly end: (error: HeraldError) => void
}

/** `next`: the next message of the socket; undefined: it is over. */
export const makeSignIn = Effect.fnUntraced(function* ({ form, tokenIn, otherwise }: Greeting = usual) {
  const access = yield* Access
  const { recognise } = yield* access.atOnce
  const refuse = yield* makeRefusals("http")
  const signed = new Set<Signed>()

  /** Its certificate says who it is. YX1 */
  const isKnown = ({ certificate, headers }: Socket): boolean =>
    certificate !== undefined && !isOfPage(headers) && recognise({ certificate }) !== undefined

  const signIn = Effect.fnUntraced(
    function* (socket: Socket, next: Effect.Effect<Buffer | undefined>) {
      let token = socket.headers["authorization"]
      let other: Effect.Effect<Identity, HeraldError> | undefined
      // Where a token is said, it decides, also an empty one.
      const certificate = token === undefined && isKnown(socket) ? socket.certificate : undefined
      if (token === undefined && certificate === undefined) {
        const first = yield* Effect.timeoutOrElse(next, { duration: FIRST, orElse: () => Effect.fail(unsaid(form)) })
        if (first === undefined) return undefined
        const found = first.length > FIRST_BYTES ? undefined : tokenIn(first)
        if (found === undefined) return yield* failure("Unauthenticated", `the first message has to be ${form}`)
        token = `Bearer ${found}`
        other = otherwise?.(found, socket.address)
      }
      const shown = access.authenticate({ token, certificate, address: socket.address, door: "websocket" })
      const identity = yield* Effect.tapError(other ?? shown, ({ name }) =>
        Effect.sync(() => name === "Unauthenticated" && socket.wrongToken())
      )
      const full = socket.signedIn(identity.name)
      return full === undefined ? identity : yield* full
    },
    Effect.tapError(({ name }) =>
      Effect.sync(() =>
        name === "Unauthenticated" ? refuse("no_token") : name === "RateLimited" ? refuse("rate") : undefined
      )
    )
  )

  /** YI2 */
  const check = (yield* makeWatching)(signed, ({ end }, error) => end(error))
  yield* Effect.forkScoped(afterEvery("the keys of WebSockets were not checked", CHECK, check))

  /** From then on it is ended when its key is not good any more; gives what forgets it. */
  const keep = (one: Signed): (() => void) => {
    signed.add(one)
    return () => signed.delete(one)
  }
  return { signIn, keep }
})
