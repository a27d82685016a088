/** `herald clients`: every instance, what it should have, was sent, applied or rejected and why. */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import type { Client } from "../../../edge/http/fleet/Wire.ts"
import { printable } from "../../../text/Printable.ts"
import { type Invocation, invocation, onlyEnv, optionalText, yes } from "../../Globals.ts"
import type { Paint } from "../../Paint.ts"
import { Shell } from "../../Shell.ts"
import { watch } from "../../Watch.ts"
import { type Counted, clientsTable, type Told, version } from "./ClientsTable.ts"
import { misnamed } from "./NearClients.ts"
import { type Asked, summed } from "./Summed.ts"
import { progressOf } from "./Wait.ts"

/** The most clients that are shown. */
const MOST = 1_000
/** Keys that are asked for at once of the one instance that is shown whole. */
const TOGETHER = 1_000

interface Page {
  readonly clients: ReadonlyArray<Client>
  readonly next: string | null
}

/** With the keys of the pages after the first. */
const whole = Effect.fnUntraced(function* <E, R>(
  client: Client,
  page: (query: Record<string, string | number | undefined>) => Effect.Effect<Page, E, R>
) {
  const { environment, service, instance } = client
  const keys = new Map(client.keys.map((key) => [key.key, key]))
  for (let afterKey = client.nextKey; afterKey !== null; ) {
    const found = (yield* page({ environment, service, instance, limit: 1, keys: TOGETHER, afterKey })).clients[0]
    for (const key of found?.keys ?? []) keys.set(key.key, key)
    afterKey = found?.nextKey ?? null
  }
  return { ...client, nextKey: null, keys: [...keys.values()].sort((a, b) => (a.key < b.key ? -1 : 1)) }
})

/** Keys that the summary tells of. */
const TOLD = 5

/** What the server counts of all that are meant, where they are more than are shown. */
const countedAt = Effect.fnUntraced(
  function* (here: Invocation, asked: Asked) {
    const services = yield* summed(here, asked)
    const keys = services
      .flatMap(({ keys }) => keys)
      .filter(({ pending, rejected, problem }) => pending + rejected + problem > 0)
      .sort((a, b) => b.rejected + b.problem - a.rejected - a.problem || b.pending - a.pending)
    return {
      connected: services.reduce((sum, one) => sum + one.connected, 0),
      all: services.reduce((sum, one) => sum + one.connected + one.away, 0),
      keys: [
        ...keys.slice(0, TOLD).map((one) => `${one.key} version ${version(one.desired)}: ${progressOf(one)}`),
        ...(keys.length > TOLD ? [`… ${keys.length - TOLD} more keys: herald status`] : [])
      ]
    } satisfies Counted
  },
  Effect.catchTag("CliFailure", () => Effect.succeed(undefined))
)

export const clients = Command.make(
  "clients",
  {
    service: optionalText("service", "Only this service", "name"),
    instance: optionalText("instance", "Only this instance, with all of its keys", "name"),
    key: optionalText("key", "Only those that subscribe to this key, with nothing but it", "key"),
    env: onlyEnv,
    connected: yes("connected", "Only those that are connected"),
    rejected: yes("rejected", "Only those that rejected a version, or can't be sent one"),
    lagging: yes("lagging", "Only connected ones that have not applied the newest"),
    watch: yes("watch", "Stay, and show it again when it changes")
  },
  Effect.fn("Clients.run")(function* ({ service, instance, key, env, connected, rejected, lagging, watch: stay }) {
    const shell = yield* Shell
    const here = yield* invocation
    const filtered = connected || rejected || lagging
    const narrowed = filtered || [service, instance, env, key].some((one) => one !== undefined)
    const page = (query: Record<string, string | number | boolean | undefined>) =>
      here
        .call({
          method: "GET",
          path: "/v1/clients",
          query: {
            environment: env,
            service,
            instance,
            key,
            connected: connected || undefined,
            rejected: rejected || undefined,
            lagging: lagging || undefined,
            ...query
          }
        })
        .pipe(Effect.map(({ body }) => body as Page))
    const pages = Effect.fnUntraced(function* (more: Record<string, boolean>) {
      const found: Array<Client> = []
      const keys = instance === undefined ? undefined : TOGETHER
      let next: string | null = null
      do {
        const some: Page = yield* page({ ...more, limit: MOST - found.length, keys, after: next ?? undefined })
        for (const client of some.clients) found.push(instance === undefined ? client : yield* whole(client, page))
        next = some.next ?? null
      } while (next !== null && found.length < MOST)
      return { clients: found, more: next !== null }
    })
    const read = Effect.gen(function* () {
      const first = yield* pages({})
      if (!first.more || filtered) return { ...first, counted: undefined }
      // Trouble is shown wherever it is.
      const troubled = (yield* pages({ rejected: true })).clients
      const known = new Set(troubled.map(idOf))
      const rest = first.clients.filter((client) => !known.has(idOf(client)))
      const counted = yield* countedAt(here, { environment: env, service, key })
      return { clients: [...troubled, ...rest].slice(0, MOST), more: true, counted }
    })
    const told = ({ counted }: { readonly counted: Counted | undefined }, now: number): Told => ({
      now,
      narrowed,
      nobody: rejected ? "nobody rejected anything" : lagging ? "nobody lags" : undefined,
      counted,
      room: here.room
    })
    if (!stay) {
      const found = yield* read
      const now = yield* shell.now
      if (found.more) {
        yield* shell.progress(`only the first ${MOST} clients are shown; narrow them with --service or --env`)
      }
      const named = [service, instance, key, env].some((one) => one !== undefined)
      const unknown =
        named && found.clients.length === 0
          ? yield* misnamed(here, { environment: env, service, instance, key })
          : undefined
      if (unknown !== undefined && here.format !== "table") yield* shell.progress(printable(unknown))
      return yield* here.emit(found.clients, (paint) =>
        clientsTable(found.clients, { ...told(found, now), unknown }, paint)
      )
    }
    const look = Effect.gen(function* () {
      const found = yield* read
      const now = yield* shell.now
      return {
        data: found.clients,
        asTable: (paint: Paint) => clientsTable(found.clients, told(found, now), paint),
        fingerprint: JSON.stringify(found.clients.map((client) => ({ ...client, lastSeen: 0 })))
      }
    })
    yield* watch(here, look, { replace: true })
  })
).pipe(
  Command.withDescription("Show every client instance: what it should have, was sent, applied or rejected and why"),
  Command.withShortDescription("Show who has what"),
  Command.withExamples([
    { command: "herald clients", description: "Every environment" },
    { command: "herald clients --rejected", description: "Who refused what, and why" },
    { command: "herald clients --key user-service --lagging", description: "Who has not got the newest of a key" },
    { command: "herald clients --service user-service --watch", description: "Live" },
    { command: "herald clients --instance user-service-7", description: "One instance, with all of its keys" }
  ])
)

const idOf = ({ environment, service, instance }: Client): string => `${environment}\u0000${service}\u0000${instance}`
