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
 */
import {
  type Metadata,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
  status
} from "@grpc/grpc-js"
import { Effect, Exit } from "effect"
import { Access } from "../../access/Access.ts"
import { type Identity, mayAnywhere } from "../../access/Identity.ts"
import { Places } from "../../access/Places.ts"
import type { Refuse } from "../../access/Refusals.ts"
import { catalogue } from "../../errors/Catalogue.ts"
import { failure } from "../../errors/HeraldError.ts"
import { unmapped } from "../../net/Address.ts"
import type { Slices } from "../../work/Slices.ts"
import { Line } from "./Line.ts"
import { nameOf, type Service } from "./Service.ts"
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

const tokenOf = (metadata: Metadata): string | undefined => {
  const value = metadata.get("authorization")[0]
  return value === undefined ? undefined : String(value)
}

/** Which errors of a handler count as refusals, and under which reason. */
const refusals = new Map([
  [catalogue.Forbidden.code, "no_permission"],
  [catalogue.TooManySubscriptions.code, "quota"],
  [catalogue.ServerFull.code, "full"],
  [catalogue.InvalidInput.code, "malformed"]
])

/** Stands for bytes that a service which decodes for itself can't read: its library would call that its own fault. G9 */
const MALFORMED = Symbol("malformed")

export const orMalformed =
  <A>(deserialize: (bytes: Buffer) => A) =>
  (bytes: Buffer): A | typeof MALFORMED => {
    try {
      return deserialize(bytes)
    } catch {
      return MALFORMED
    }
  }

const unreadable = failure("InvalidInput", "the message is not one of this method: its bytes can't be read")

/** G7: messages that may wait for their answers. */
const UNANSWERED = 2

class Patient extends ServerInterceptingCall {
  #read = 0
  #answered = 0
  #waits = false

  override startRead(): void {
    if (this.#read - this.#answered >= UNANSWERED) this.#waits = true
    else {
      this.#read++
      super.startRead()
    }
  }

  override sendMessage(message: unknown, callback: () => void): void {
    super.sendMessage(message, () => {
      callback()
      this.#answered++
      if (!this.#waits) return
      this.#waits = false
      this.startRead()
    })
  }
}

export interface CallsOptions {
  /** Those that take a token. G5 */
  readonly services: ReadonlyArray<Service>
  readonly limits: OpenCallLimits
  /** Addresses that many share, such as a proxy's, for which no limit by address holds. */
  readonly isExempt: (address: string) => boolean
  readonly refuse: Refuse
  /** G11 */
  readonly arrivals: Pick<Slices, "soon">
}

/** The interceptor that stands before every handler, and a look-up of whom it authenticated. */
export const makeCalls = Effect.fnUntraced(function* ({ services, limits, isExempt, refuse, arrivals }: CallsOptions) {
  const access = yield* Access
  const listed = new Map(services.map((service) => [nameOf(service), service]))
  const run = Effect.runForkWith(yield* Effect.context<never>())
  const identities = new WeakMap<Metadata, Identity>()
  const lines = new WeakMap<Metadata, Line>()
  const open = new Places([limits.inAll, limits.ofAddress, limits.ofConnection])
  const waiting = new Places(WAITING)

  /** G6 */
  const placeFor = (call: ServerInterceptingCallInterface, places: Places) => {
    const { remoteAddress = "unknown", remotePort } = call.getConnectionInfo()
    const address = unmapped(remoteAddress)
    const place = places.take("", isExempt(address) ? undefined : address, `${address} ${remotePort}`)
    if (typeof place !== "number") return place
    refuse(["open_calls", "open_calls_of_address", "open_calls_of_connection"][place] ?? "open_calls", address)
    call.sendStatus(statusOf(failure("ServerFull", "too many calls without a token are open")) as never)
    return undefined
  }

  /** The environment is named in the first message; of a caller without a right to any, that need not be read. */
  const authenticated = Effect.fnUntraced(function* ({ permission, without }: Service, metadata: Metadata) {
    const identity = yield* access.authenticate(tokenOf(metadata))
    if (!mayAnywhere(identity, permission))
      return yield* failure("Forbidden", `${identity.name} is a ${identity.role} and ${without}`)
    return identity
  })

  /** G5 */
  const closed = (service: Service, method: string, call: ServerInterceptingCallInterface) => {
    let over = false
    let leave = () => {}
    const line: Line = new Line(call, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, go) => {
            const place = placeFor(call, waiting)
            if (place === undefined) return
            leave = place
            run(authenticated(service, metadata)).addObserver((exit) => {
              place()
              if (over) return
              if (Exit.isSuccess(exit)) {
                identities.set(metadata, exit.value)
                lines.set(metadata, line)
                return arrivals.soon(() => over || go(metadata)) // G11
              }
              const said = statusOfExit(exit)
              refuse(said.code === status.UNAUTHENTICATED ? "no_token" : "no_permission")
              run(Effect.exit(traced(method, { metadata, getPeer: () => call.getPeer() }, exit)))
              call.sendStatus(said as never)
            })
          },
          onCancel: () => {
            over = true
            leave()
          }
        }),
      sendMetadata: (metadata, next) => {
        metadata.set("grpc-accept-encoding", "identity")
        next(metadata)
      },
      sendStatus: (said, next) => {
        const reason = refusals.get(String(said.metadata?.get("herald-code")[0]))
        if (reason !== undefined) refuse(reason)
        next(said)
      }
    })
    return line
  }

  const tokenless: ServerInterceptor = (method, call) => {
    let leave = () => {}
    return new Patient(call, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, go) => {
            const place = placeFor(call, open)
            if (place === undefined) return
            const timer = setTimeout(
              () => {
                refuse("open_calls_time")
                call.sendStatus(statusOf(failure("Draining", "a call without a token may last no longer")) as never)
              },
              method.path === WATCH ? limits.watch : limits.other
            )
            leave = () => {
              clearTimeout(timer)
              place()
            }
            go(metadata)
          },
          onReceiveMessage: (message, go) =>
            message === MALFORMED ? call.sendStatus(statusOf(unreadable) as never) : go(message),
          onCancel: () => {
            leave()
          }
        })
    })
  }

  return {
    interceptor: ((method, call) => {
      const [, name = "", rest] = method.path.split("/")
      const service = listed.get(name)
      return service === undefined ? tokenless(method, call) : closed(service, `${name}/${rest}`, call)
    }) as ServerInterceptor,
    /** For a call that has got past the interceptor. */
    identityOf: (metadata: Metadata): Identity | undefined => identities.get(metadata),
    lineOf: (metadata: Metadata): Line | undefined => lines.get(metadata)
  }
})
