/**
 * Defines what all of the REST contract has in common, and what a capability adds to it. OpenAPI, the browsable page and the typed client
 * (`HttpApiClient.make(apiOf(parts), …)`) are made from it.
 *
 *   R1  Every failure is a problem document (RFC 9457) with a code of the catalogue.
 *   R2  Every route of `/v1` but the error catalogue, and how one signs in, wants a bearer token.
 */
import type { Effect, Layer, Scope } from "effect"
import { HttpApi, type HttpApiGroup, HttpApiMiddleware, HttpApiSecurity, OpenApi } from "effect/http-api"
import type { Access } from "../../access/Access.ts"
import type { SocketTickets } from "../../access/SocketTickets.ts"
import type { Fanout } from "../../fanout/Fanout.ts"
import type { Flags } from "../../flags/Flags.ts"
import type { OpenFlags } from "../../flags/OpenFlags.ts"
import type { Reports } from "../../flags/Reports.ts"
import type { MarketStreams } from "../../marketdata/MarketStreams.ts"
import type { Origins } from "../../net/Origins.ts"
import type { HealthReports } from "../../sessions/HealthReports.ts"
import type { Sessions } from "../../sessions/Sessions.ts"
import type { ConsumerConnections } from "../../subscriptions/ConsumerConnections.ts"
import type { Publishing } from "../../topics/Publishing.ts"
import type { Workers } from "../../work/Workers.ts"
import type { SocketRoute } from "../websocket/Socket.ts"
import type { Budget } from "./Budget.ts"
import { documented } from "./Document.ts"
import type { QuickRoute } from "./Quick.ts"
import type { TopicFrames } from "./topics/TopicFrames.ts"

/** R2. Provides `CurrentIdentity`. */
export class Authentication extends HttpApiMiddleware.Service<Authentication>()("herald/edge/http/Authentication", {
  security: { token: HttpApiSecurity.bearer }
}) {}

/** The contract without any group. A capability's routes are made for this and its own groups. */
export const contract = HttpApi.make("herald")
  // A misspelt `dryRun` must not publish.
  .annotate(HttpApi.QueryParseOptions, { onExcessProperty: "error" })
  .annotateMerge(
    OpenApi.annotations({
      title: "Herald",
      version: "1",
      description: "Pushes versioned configuration to every connected client in milliseconds, and takes it back."
    })
  )

/** What those stand on who serve WebSockets. */
export type SocketServices =
  | Access
  | Budget
  | ConsumerConnections
  | Fanout
  | HealthReports
  | MarketStreams
  | Publishing
  | Reports
  | Scope.Scope
  | Sessions
  | SocketTickets
  | TopicFrames
  | Workers

/** What a capability adds: groups of the contract, and the routes that answer them. */
export interface Part {
  readonly groups: readonly [HttpApiGroup.Constraint, ...ReadonlyArray<HttpApiGroup.Constraint>]
  // biome-ignore lint/suspicious/noExplicitAny: each part needs its own services
  readonly routes: Layer.Layer<any, never, any>
  /** Whose pages may read what is below a path. OX1 */
  readonly pages?: { readonly under: string; readonly origins: Effect.Effect<Origins, never, OpenFlags> }
  /** A short way for what is asked all the time. QK1 */
  readonly quick?: Effect.Effect<QuickRoute, never, Access | Flags | OpenFlags>
  /** WebSockets that are served beside the routes. */
  readonly sockets?: Effect.Effect<ReadonlyArray<SocketRoute>, never, SocketServices>
  /** How a URL is written that a route is to be found for. */
  readonly asRouted?: (url: string) => string
}

/** The contract of a door with these parts. */
export const apiOf = <Parts extends ReadonlyArray<Part>>(parts: Parts) => {
  type Groups = Parts[number]["groups"][number]
  const api = parts.reduce(
    (api: HttpApi.HttpApi<"herald", HttpApiGroup.Constraint>, { groups }) => api.add(...groups),
    contract as never
  )
  const groups = parts.flatMap((part) => part.groups)
  return api.annotateMerge(OpenApi.annotations({ transform: documented(groups) })) as unknown as HttpApi.HttpApi<
    "herald",
    Groups
  >
}

/** Describes one operation to people. */
export const about = (summary: string, description?: string) =>
  OpenApi.annotations({ summary, ...(description === undefined ? {} : { description }) })
