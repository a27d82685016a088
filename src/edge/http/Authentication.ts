/**
 * Decides by the head of a request who asks and whether they may, so that no body is read for nothing. The bearer token's identity becomes the
 * request's `CurrentIdentity`; use cases check again what they touch.
 *
 *   HT9  Each answer to who is known tells of the limits that the request counted in, and a refusal of the one that refused.
 */
import { Context, Effect, Layer, Option } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { Access, requireAnywhere, requirePermission } from "../../access/Access.ts"
import { Certificates } from "../../access/Certificates.ts"
import { CurrentIdentity, type Identity } from "../../access/Identity.ts"
import { forbidden } from "../../access/Refusal.ts"
import { makeRefusals } from "../../access/Refusals.ts"
import { ticketIn } from "../../access/Ticket.ts"
import { AsRequest } from "../../commits/Requesting.ts"
import { failure, type HeraldError } from "../../errors/HeraldError.ts"
import { isAnonymous, OpenFlags, type Stranger } from "../../flags/OpenFlags.ts"
import { type CountIn, Counting } from "../../limits/Counting.ts"
import { unmapped } from "../../net/Address.ts"
import { isOfPage } from "../Page.ts"
import { Authentication } from "./Contract.ts"
import { wasCounted } from "./Gathered.ts"
import { CanWait, costOf, type Need, needOf } from "./Needs.ts"
import { problemResponse } from "./Problem.ts"

/**
 * Annotates endpoints whose token may come in the cookie `herald-token`, for a browser's `EventSource`, which can send no header. Only for what
 * changes nothing, as another page can make the browser send the cookie, too.
 */
export class ByCookie extends Context.Service<ByCookie, boolean>()("herald/edge/http/ByCookie") {}

/** Annotates endpoints that a ticket opens in the token's place, for the environment of their query. TI1 in src/access/Ticket.ts */
export class ByTicket extends Context.Service<ByTicket, boolean>()("herald/edge/http/ByTicket") {}

/** Annotates endpoints that give flags, which some may read without an API key. OK1 in src/flags/OpenFlags.ts */
export class Openly extends Context.Service<Openly, boolean>()("herald/edge/http/Openly") {}

const has = (annotations: Context.Context<never>, what: Context.Service<never, boolean>): boolean =>
  Context.getOrUndefined(annotations, what) === true

/** As providers of OpenFeature send an API key that have no name for a bearer token. */
const bearer = (key: string | undefined): string | undefined => (key === undefined ? undefined : `Bearer ${key}`)

export const tokenInHeaders = (headers: Readonly<Record<string, string | undefined>>): string | undefined =>
  headers["authorization"] ?? bearer(headers["x-api-key"])

const tokenIn = (
  request: HttpServerRequest.HttpServerRequest,
  headers: HttpServerRequest.HttpServerRequest["headers"],
  annotations: Context.Context<never>
) => tokenInHeaders(headers) ?? (has(annotations, ByCookie as never) ? request.cookies["herald-token"] : undefined)

/** The environment that the query names; undefined when it names none, or several. */
const environmentOf = (url: string): string | undefined => {
  const at = url.indexOf("?")
  const named = at < 0 ? [] : new URLSearchParams(url.slice(at + 1)).getAll("environment")
  return named.length === 1 ? named[0] : undefined
}

const permitted = ({ permission, where }: Need, url: string): Effect.Effect<unknown, HeraldError> => {
  if (permission === undefined) return Effect.void
  const environment = where === "somewhere" || where === "everywhere" ? undefined : environmentOf(url)
  const anywhere = where === "somewhere" || (where === "named" && environment === undefined)
  return anywhere ? requireAnywhere(permission) : requirePermission(permission, environment, "some")
}

/** Whoever sends it asks for a change request in place of what the route does. */
export const REQUEST = "herald-request"

const reasons: Readonly<Record<string, string>> = {
  Unauthenticated: "no_token",
  Forbidden: "no_permission",
  RateLimited: "rate"
}

export const addressOf = (request: HttpServerRequest.HttpServerRequest): string =>
  unmapped(Option.getOrElse(request.remoteAddress, () => "unknown"))

/** The same of what Node has for a connection. */
export const addressOfSocket = (socket: unknown): string =>
  unmapped((socket as { readonly remoteAddress?: string } | undefined)?.remoteAddress ?? "unknown")

interface Connected {
  readonly socket?: unknown
  readonly stream?: { readonly session?: { readonly socket?: unknown } }
}

/** Of HTTP/2 its session's, which is the same for all of its requests. */
const socketOf = ({ source }: HttpServerRequest.HttpServerRequest): unknown => {
  const { stream, socket } = source as Connected
  return stream?.session?.socket ?? socket
}

const strangerOf = (
  request: HttpServerRequest.HttpServerRequest,
  headers: HttpServerRequest.HttpServerRequest["headers"]
): Stranger => ({
  address: addressOf(request),
  host: headers["host"] ?? headers[":authority"] ?? "",
  came: (name) => headers[name] !== undefined
})

/** With whose request it is; where that says so, all that it commits waits. */
const serving = <A, E, R>(
  app: Effect.Effect<A, E, R>,
  { headers }: HttpServerRequest.HttpServerRequest,
  identity: Identity,
  count: CountIn | undefined
): Effect.Effect<A, E, R> => {
  const known = Effect.provideService(app, CurrentIdentity, identity)
  const served = count === undefined ? known : Effect.provideService(known, Counting, count)
  return headers[REQUEST] === undefined ? served : Effect.provideService(served, AsRequest, true)
}

export const AuthenticationLive = Layer.effect(
  Authentication,
  Effect.gen(function* () {
    const access = yield* Access
    const { recognise, told, counting } = yield* access.atOnce
    const certificates = yield* Certificates
    const openFlags = yield* OpenFlags
    const refuse = yield* makeRefusals("http")

    const identified = Effect.fnUntraced(function* (
      request: HttpServerRequest.HttpServerRequest,
      headers: HttpServerRequest.HttpServerRequest["headers"],
      annotations: Context.Context<never>,
      cost: number
    ) {
      const token = tokenIn(request, headers, annotations)
      const environment = environmentOf(request.url)
      const ticket = has(annotations, ByTicket as never) ? ticketIn(token) : undefined
      const address = addressOf(request)
      if (ticket !== undefined)
        return yield* access.byTicket({ ticket, environment: environment ?? "", address, door: "http" }, cost)
      const isCertain = token === undefined && !isOfPage(headers) // YX1
      const certificate = isCertain ? certificates.of(socketOf(request)) : undefined
      const shown = { token, certificate, address, door: "http", environment } as const
      const isKnown = certificate !== undefined && recognise(shown) !== undefined
      if (token === undefined && !isKnown && openFlags.open && has(annotations, Openly as never)) {
        const stranger = yield* openFlags.admit(strangerOf(request, headers), cost)
        if (stranger !== undefined) return stranger
      }
      return yield* access.authenticate(shown, cost)
    })

    const admitted = Effect.fnUntraced(function* (
      name: string,
      need: Need | undefined,
      request: HttpServerRequest.HttpServerRequest,
      annotations: Context.Context<never>
    ) {
      const { headers } = request // made anew whenever they are asked for
      const cost = wasCounted(request) ? 0 : need === undefined ? 1 : costOf(need, headers)
      const identity = yield* identified(request, headers, annotations, cost)
      if (need === undefined) return yield* forbidden("route", `nobody may use ${name}`) // R3
      yield* Effect.provideService(permitted(need, request.url), CurrentIdentity, identity)
      if (headers[REQUEST] !== undefined && !has(annotations, CanWait as never))
        return yield* failure("CannotWait", `${name} does nothing that could wait for a second person`) // AQ12
      return { identity, count: isAnonymous(identity) ? undefined : counting(cost, environmentOf(request.url)) }
    })

    /** HT9: tells of the limits; a refusal has told of its own. */
    const limited = <E, R>(
      answered: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>,
      identity: Identity,
      environment: () => string | undefined
    ) =>
      isAnonymous(identity)
        ? answered
        : Effect.map(answered, (response) =>
            response.headers["ratelimit"] === undefined
              ? HttpServerResponse.setHeaders(response, { ...told(identity, environment()) })
              : response
          )

    return Authentication.of({
      // From the header itself, to tell no token apart from one of another scheme.
      token: (app, { endpoint, group }) =>
        Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
          Effect.matchEffect(
            admitted(`${group.identifier}.${endpoint.identifier}`, needOf(endpoint), request, endpoint.annotations),
            {
              onFailure: (error) => {
                const reason = reasons[error.name]
                if (reason !== undefined) refuse(reason)
                return problemResponse(error)
              },
              // RF1: a use case refuses, too, when it knows what is touched.
              onSuccess: ({ identity, count }) =>
                Effect.tap(
                  limited(
                    serving(app, request, identity, count),
                    identity,
                    () => count?.environment() ?? environmentOf(request.url)
                  ),
                  ({ status }) =>
                    status === 403
                      ? Effect.sync(() =>
                          refuse(
                            "no_permission",
                            `${identity.name} (${identity.keyId}): ${request.method} ${endpoint.path}`
                          )
                        )
                      : Effect.void
                )
            }
          )
        )
    })
  })
)
