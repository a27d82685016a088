/**
 * Serves `/v1/stream`: what `Subscribe` is over gRPC, on the same sessions, for browsers and wherever gRPC does not get through.
 *
 *   YB6  What a stream is sent, and what its answers, health and reports do, is what gRPC's handlers make of it: this door has the words alone.
 *   YB7  Whose credential ends, or who may subscribe nowhere, has no stream; a server that leaves tells its streams when to come back, then ends them.
 *   YI1, YI2 in ../SignIn.ts, YB1–YB5 beside this
 */
import { Clock, Effect, Exit, FiberSet } from "effect"
import { ReportHealthResponse } from "../../../../proto/generated/herald/distribution/v1/distribution.ts"
import type { StreamResponse } from "../../../../proto/generated/herald/distribution/v1/stream.ts"
import type { Problem } from "../../../../proto/generated/herald/publishing/v1/publishing.ts"
import { ReportResponse } from "../../../../proto/generated/herald/reporting/v1/reporting.ts"
import { Access } from "../../../access/Access.ts"
import type { Identity } from "../../../access/Identity.ts"
import { refusalAnywhere } from "../../../access/Refusal.ts"
import { makeRefusals } from "../../../access/Refusals.ts"
import { isTicket, SocketTickets } from "../../../access/SocketTickets.ts"
import { failure, HeraldError } from "../../../errors/HeraldError.ts"
import { Sessions } from "../../../sessions/Sessions.ts"
import { Slices } from "../../../work/Slices.ts"
import { MESSAGE_BYTES } from "../../grpc/Decode.ts"
import { makeDistribution } from "../../grpc/distribution/Routes.ts"
import { problemOf } from "../../grpc/RichStatus.ts"
import { makeReporting } from "../../grpc/reporting/Routes.ts"
import { errorIn } from "../../grpc/Status.ts"
import { type Greeting, makeSignIn } from "../SignIn.ts"
import { closeFor, type Socket, type SocketRoute } from "../Socket.ts"
import { frameOf } from "./Envelope.ts"
import { QuestionCall } from "./QuestionCall.ts"
import { type Asking, type Question, StreamCall, saidIn } from "./StreamCall.ts"

export const PATH = "/v1/stream"
/** Its subprotocols. */
export const [JSON_PROTOCOL, BINARY_PROTOCOL] = ["herald.v1.json", "herald.v1.protobuf"] as const
/** Bytes of a message in JSON, beside what is in it: names, and digests as text. */
const AROUND = 65_536
const PERMISSION = "subscribe"

const greeting = (isBinary: boolean, take: SocketTickets["Service"]["take"]): Greeting => ({
  form: isBinary ? "a StreamRequest with a hello" : '{"hello":{"token":"…"}}',
  tokenIn: (first) => {
    const said = saidIn(first, isBinary)
    return said instanceof HeraldError || said.is !== "hello" ? undefined : said.token
  },
  otherwise: (token, address) => (isTicket(token) ? take(token, address) : undefined)
})

type Told = (answer: Buffer | Problem) => void

export const makeStreamSockets = Effect.gen(function* () {
  const access = yield* Access
  const sessions = yield* Sessions
  const arrivals = new Slices()
  const { subscribe, reportHealth } = yield* makeDistribution({ arrivals })
  const { report } = (yield* makeReporting).handlers
  const { take } = yield* SocketTickets
  const signIns = { json: yield* makeSignIn(greeting(false, take)), binary: yield* makeSignIn(greeting(true, take)) }
  const refuse = yield* makeRefusals("http")
  const run = yield* FiberSet.makeRuntime<never>()
  const settled = <A>(work: Effect.Effect<A, HeraldError>, then: (exit: Exit.Exit<A, HeraldError>) => void): void =>
    void run(Effect.flatMap(Effect.exit(work), (exit) => Effect.sync(() => then(exit))))

  /** Asks gRPC's handler, and says what it answers. YB6 */
  const answering =
    (socket: Socket, identity: Identity): Asking["asked"] =>
    ({ is, id, bytes }, call, answered) => {
      const tell: Told = (answer) => {
        if (!call.isOver) socket.send(frameOf({ id, told: toldOf(is, answer) }, socket.isBinary))
        answered()
      }
      const handler = is === "health" ? reportHealth : report
      settled(access.spend(identity, 1), (exit) => {
        if (Exit.isFailure(exit)) tell(problemOf(errorIn(exit)))
        else handler(new QuestionCall(call, bytes, tell), identity)
      })
    }

  const admitted = Effect.fnUntraced(function* (socket: Socket, next: Effect.Effect<Buffer | undefined>) {
    const { signIn } = socket.isBinary ? signIns.binary : signIns.json
    const identity = yield* signIn(socket, next)
    const refused = identity && refusalAnywhere(identity, PERMISSION, yield* Clock.currentTimeMillis)
    if (refused === undefined) return identity
    refuse("no_permission")
    return yield* refused
  })

  const opened = (socket: Socket): void => {
    let call: StreamCall | undefined
    let came: Buffer | undefined
    let wake: (() => void) | undefined
    let isOver = false
    let forget = () => {}
    const told = () => wake?.()
    socket.hear({
      message: (bytes) => {
        if (call !== undefined) return call.heard(bytes)
        came = bytes
        told()
      },
      leaving: () => void run(leave(socket, call)),
      over: () => {
        isOver = true
        call?.over()
        forget()
        told()
      }
    })
    const next = Effect.callback<Buffer | undefined>((resume) => {
      wake = () => {
        if (came === undefined && !isOver) return
        wake = undefined
        resume(Effect.succeed(came))
      }
      if (isOver) wake()
      else socket.read()
    })
    settled(admitted(socket, next), (exit) => {
      if (isOver) return
      if (Exit.isFailure(exit)) return closeFor(socket, errorIn(exit))
      const identity = exit.value
      if (identity === undefined) return
      call = new StreamCall(PATH, socket, { asked: answering(socket, identity) })
      forget = signIns.json.keep({ identity, end: (error) => call?.fail(error) })
      const welcome = { $case: "welcome", value: { name: identity.name } } as const
      socket.send(frameOf({ told: welcome }, socket.isBinary))
      const begun = call
      arrivals.soon(() => begun.isOver || subscribe(begun, identity))
    })
  }

  /** YB7: those that have no session end at once. */
  const leave = (socket: Socket, call: StreamCall | undefined) =>
    Effect.andThen(
      sessions.drain,
      Effect.sync(() => {
        const leaving = failure("Draining", "the server is leaving; go on with another")
        if (call === undefined) closeFor(socket, leaving)
        else call.fail(leaving)
      })
    )

  const route: SocketRoute = {
    ...{ path: PATH, protocol: JSON_PROTOCOL, binary: BINARY_PROTOCOL, pages: "listed" },
    ...{ largest: MESSAGE_BYTES + AROUND, open: opened }
  }
  return [route] as const
})

/** What answers a question. */
const toldOf = (is: Question["is"], answer: Buffer | Problem): StreamResponse["told"] => {
  if ("code" in answer) return { $case: "problem", value: { problem: answer, stayAway: false } }
  return is === "health"
    ? { $case: "health", value: ReportHealthResponse.decode(answer) }
    : { $case: "report", value: ReportResponse.decode(answer) }
}
