/**
 * Finds out who calls, before anything of the call is read.
 *
 *   G5  A call to a listed service is authenticated when it begins, from its metadata; until then nothing that it sends is read, unpacked or
 *       decoded.
 *   G6  Calls that need no token (health, reflection), and those that wait to be authenticated, are limited in number: of a connection, of
 *       an address, in all; and in time.
 *   G7  Of a call that needs no token, no more is read than its caller reads answers.
 *   G11 Callers who come all at once are let in for a few milliseconds of each turn of the event loop: to begin a call, and to have a hello
 *       read. Work for those who are in already goes on in between.
 *   G15 The key of a caller is what `authorization` says (Bearer, or the password of Basic), or else `x-api-key`, the beginning of the server's
 *       name, or a selector of flags that is a key: some clients can send no more.
 */
import { Clock, Effect, Exit } from "effect"
import { Access } from "../../access/Access.ts"
import { type Identity, mayAnywhere } from "../../access/Identity.ts"
import { Places } from "../../access/Places.ts"
import { refusalAnywhere } from "../../access/Refusal.ts"
import type { Refuse } from "../../access/Refusals.ts"
import type { Shown } from "../../access/Shown.ts"
import { parse } from "../../access/Token.ts"
import { catalogue } from "../../errors/Catalogue.ts"
import { failure } from "../../errors/HeraldError.ts"
import { countedAs, unmapped } from "../../net/Address.ts"
import type { Slices } from "../../work/Slices.ts"
import { Code } from "./Code.ts"
import type { CallListener, CallStatus, Handler, ServerCall } from "./ServerCall.ts"
import { type AdmittedHandler, nameOf, type Served, type Service } from "./Service.ts"
import { traced } from "./Spans.ts"
import { statusOf, statusOfExit } from "./Status.ts"

/** G6: how many calls without a token may be open. */
export interface OpenCallLimits {
  readonly ofConnection: number
  readonly ofAddress: number
  readonly inAll: number
  /** Milliseconds that a call of health's `Watch` may last. */
  readonly watch: number
  /** Milliseconds that any other may last. */
  readonly other: number
}
export const openCalls: OpenCallLimits = {
  ofConnection: 8,
  ofAddress: 128,
  inAll: 1_024,
  watch: 30 * 60_000,
  other: 60_000
}
/** Calls that wait to be authenticated: behind a proxy many share a connection. G6 */
const WAITING: readonly [inAll: number, ofAddress: number, ofConnection: number] = [2_048, 1_024, 256]
const WATCH = "/grpc.health.v1.Health/Watch"

/** A name of this server that begins with a key: what a client can say that sends no metadata of its own. */
const IN_HOST = /^(hrld_[0-9a-f]{16}_[0-9a-f]{64})(?:[.:]|$)/
/** Whoever sends it asks for a change request, as over REST: no method changes what has one. */
const REQUEST = "herald-request"
const BASIC = /^basic +([a-z0-9+/=_-]{1,1024})$/i

/** A client that can name a user and a password alone says the key as the password. */
const passwordOf = (text: string): string | undefined => {
  const packed = BASIC.exec(text)?.[1]
  const said = packed === undefined ? "" : Buffer.from(packed, "base64").toString("latin1")
  return said.includes(":") ? said.slice(said.indexOf(":") + 1) : undefined
}

/** G15 */
export const tokenOf = ({ metadata, host }: Pick<ServerCall, "metadata" | "host">): string | undefined => {
  const value = metadata.get("authorization")[0]
  const said = value === undefined ? undefined : String(value)
  const selector = metadata.get("flagd-selector")[0]
  const inSelector = typeof selector === "string" && parse(selector) !== undefined ? selector : undefined
  const key =
    said === undefined ? (metadata.get("x-api-key")[0] ?? IN_HOST.exec(host)?.[1] ?? inSelector) : passwordOf(said)
  return key === undefined ? said : `Bearer ${String(key)}`
}

/** Which errors of a handler count as refusals, and under which reason. */
const refusals = new Map([
  [catalogue.Forbidden.code, "no_permission"],
  [catalogue.TooManySubscriptions.code, "quota"],
  [catalogue.ServerFull.code, "full"],
  [catalogue.InvalidInput.code, "malformed"]
])

/** Why a caller was not let in. */
const reasons = new Map<number, string>([
  [Code.UNAUTHENTICATED, "no_token"],
  [Code.RESOURCE_EXHAUSTED, "rate"]
])

/** G7: messages that may wait for their answers. */
const UNANSWERED = 2

/** A call that is read on as its answers are read. G7 */
class Patient implements ServerCall {
  readonly #call: ServerCall
  readonly #left: () => void
  #read = 0
  #sent = 0
  #answered = 0
  #waits = false

  constructor(call: ServerCall, left: () => void) {
    this.#call = call
    this.#left = left
  }
  get path() {
    return this.#call.path
  }
  get metadata() {
    return this.#call.metadata
  }
  get peer() {
    return this.#call.peer
  }
  get host() {
    return this.#call.host
  }
  get deadline() {
    return this.#call.deadline
  }
  get whenEnded() {
    return this.#call.whenEnded
  }
  set whenEnded(told) {
    this.#call.whenEnded = told
  }
  certificate() {
    return this.#call.certificate()
  }
  hear({ message, end, over }: CallListener): void {
    this.#call.hear({
      message,
      end,
      over: () => {
        this.#left()
        over()
      }
    })
  }
  read(): void {
    if (this.#read - this.#answered >= UNANSWERED) this.#waits = true
    else {
      this.#read++
      this.#call.read()
    }
  }
  begin(headers: Parameters<ServerCall["begin"]>[0]): void {
    this.#call.begin(headers)
  }
  send(message: Buffer): boolean {
    this.#sent++
    return this.#call.send(message)
  }
  whenClear(then: () => void): void {
    this.#call.whenClear(() => {
      this.#answered = this.#sent
      then()
      if (!this.#waits) return
      this.#waits = false
      this.read()
    })
  }
  end(status: CallStatus): void {
    this.#call.end(status)
  }
}

export interface CallsOptions {
  readonly limits: OpenCallLimits
  /** Addresses that many share, such as a proxy's, for which no limit by address holds. */
  readonly isExempt: (address: string) => boolean
  readonly refuse: Refuse
  /** G11 */
  readonly arrivals: Pick<Slices, "soon">
}

const shownBy = (call: ServerCall, token: string | undefined): Shown => ({
  token,
  certificate: call.certificate(),
  address: unmapped(call.peer.address),
  door: "grpc"
})

/** What stands before every handler. */
export const makeCalls = Effect.fnUntraced(function* ({ limits, isExempt, refuse, arrivals }: CallsOptions) {
  const access = yield* Access
  const { recognise, charge } = yield* access.atOnce
  const run = Effect.runForkWith(yield* Effect.context<never>())
  const open = new Places([limits.inAll, limits.ofAddress, limits.ofConnection])
  const waiting = new Places(WAITING)

  /** G6 */
  const placeFor = (call: ServerCall, places: Places) => {
    const { port } = call.peer
    const address = unmapped(call.peer.address)
    const place = places.take("", isExempt(address) ? undefined : countedAs(address), `${address} ${port}`)
    if (typeof place !== "number") return place
    refuse(["open_calls", "open_calls_of_address", "open_calls_of_connection"][place] ?? "open_calls", address)
    call.end(statusOf(failure("ServerFull", "too many calls without a token are open")))
    return undefined
  }

  /** The environment is named in the first message; of a caller without a right to any, that need not be read. */
  const authenticated = Effect.fnUntraced(function* (
    { permission }: Service,
    call: ServerCall,
    nobody: Served["nobody"]
  ) {
    const token = tokenOf(call)
    const shown = shownBy(call, token)
    const isKnown = token === undefined && recognise(shown) !== undefined
    const stranger = token === undefined && !isKnown && nobody !== undefined ? yield* nobody(call) : undefined
    const identity = stranger ?? (yield* access.authenticate(shown))
    return yield* refusalAnywhere(identity, permission, yield* Clock.currentTimeMillis) ?? Effect.succeed(identity)
  })

  /** Who is let in without waiting; undefined: it has to be asked, or to be said why not. */
  const atOnce = ({ permission }: Service, call: ServerCall): Identity | undefined => {
    const identity = recognise(shownBy(call, tokenOf(call)))
    return identity !== undefined && mayAnywhere(identity, permission) && charge(identity, 1) ? identity : undefined
  }

  const countRefusal = ({ trailers }: CallStatus): void => {
    const reason = refusals.get(String(trailers?.["herald-code"]))
    if (reason !== undefined) refuse(reason)
  }

  /** For a method of a service that asks for a token. `nobody`: who a caller without one is. G5 */
  const admitting = (
    service: Service,
    method: string,
    handler: AdmittedHandler,
    nobody?: Served["nobody"]
  ): Handler => {
    const name = `${nameOf(service)}/${method}`
    return (call) => {
      if (call.metadata.get(REQUEST).length > 0)
        return call.end(statusOf(failure("CannotWait", `${name} does nothing that could wait for a second person`))) // AQ12
      const known = atOnce(service, call)
      if (known !== undefined) {
        call.whenEnded = countRefusal
        return arrivals.soon(() => handler(call, known)) // G11
      }
      const place = placeFor(call, waiting)
      if (place === undefined) return
      let over = false
      call.hear({
        message: () => {},
        end: () => {},
        over: () => {
          over = true
          place()
        }
      })
      run(authenticated(service, call, nobody)).addObserver((exit) => {
        place()
        if (over) return
        if (Exit.isSuccess(exit)) {
          call.whenEnded = countRefusal
          return arrivals.soon(() => over || handler(call, exit.value)) // G11
        }
        const said = statusOfExit(exit)
        refuse(reasons.get(said.code) ?? "no_permission")
        run(Effect.exit(traced(name, call, exit)))
        call.end(said)
      })
    }
  }

  /** For a method that needs none. G6, G7 */
  const tokenless =
    (handler: Handler): Handler =>
    (call) => {
      const place = placeFor(call, open)
      if (place === undefined) return
      const tooLong = () => {
        refuse("open_calls_time")
        call.end(statusOf(failure("Draining", "a call without a token may last no longer")))
      }
      const timer = setTimeout(tooLong, call.path === WATCH ? limits.watch : limits.other)
      handler(
        new Patient(call, () => {
          clearTimeout(timer)
          place()
        })
      )
    }

  return { admitting, tokenless }
})
