/** `herald clients`: every instance, what it should have, was sent, applied or rejected and why. */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import type { Client } from "../../../edge/http/fleet/Wire.ts"
import { printable } from "../../../text/Printable.ts"
import { type Invocation, invocation, onlyEnv, optionalText, yes } from "../../Globals.ts"
import type { Paint } from "../../Paint.ts"
import { Shell } from "../../Shell.ts"
import { ago, type Column, cutLine, table } from "../../Table.ts"
import { watch } from "../../Watch.ts"
import { misnamed } from "./NearClients.ts"
import { type Asked, summed } from "./Summed.ts"
import { progressOf } from "./Wait.ts"

interface Row {
  readonly client: Client
  readonly first: boolean
  readonly key: Client["keys"][number] | undefined
}

const rowsOf = (clients: ReadonlyArray<Client>): ReadonlyArray<Row> =>
  clients.flatMap(
    (client): ReadonlyArray<Row> =>
      client.keys.length === 0
        ? [{ client, first: true, key: undefined }]
        : client.keys.map((key, index) => ({ client, first: index === 0, key }))
  )

const version = (at: { readonly version: number } | null | undefined): string =>
  at === null || at === undefined ? "-" : String(at.version)

/** Of a history that was lost, whatever its number. */
const isLost = (key: Client["keys"][number], of: { readonly epoch: string } | null): boolean =>
  of !== null && key.desired !== null && of.epoch !== key.desired.epoch

/** It said goodbye, which is no trouble. */
const leftWell = ({ state, ending }: Client): boolean => state === "disconnected" && ending === "Closed"

const trouble = ({ key, client, first }: Row): string => {
  const parts: Array<string> = []
  if (key !== undefined && key.problem !== "") parts.push(`can't be sent: ${key.problem}`)
  if (key?.rejected) parts.push(`version ${key.rejected.version} rejected: ${key.rejected.reason || "no reason given"}`)
  if (key !== undefined && isLost(key, key.applied)) parts.push("what it applied is of a history that was lost")
  if (first && client.health !== null && client.health.health !== "healthy") {
    parts.push(`${client.health.health}${client.health.message === "" ? "" : `: ${client.health.message}`}`)
  }
  if (first && client.state !== "connected" && !leftWell(client) && client.ending !== "") parts.push(client.ending)
  if (first && client.nextKey !== null)
    parts.push(`more keys: herald clients --service ${client.service} --instance ${client.instance}`)
  return parts.join("; ")
}

const behind = ({ key }: Row): boolean =>
  key !== undefined &&
  key.desired !== null &&
  (key.applied === null || isLost(key, key.applied) || key.applied.revision < key.desired.revision)

/** The most clients that are shown. */
const MOST = 1_000
/** Keys that are asked for at once of the one instance that is shown whole. */
const TOGETHER = 1_000

/** When the newest of its trouble was heard, 0 where it has none. Milliseconds since 1970. */
const troubleAt = (client: Client): number => {
  const refused = client.keys.map(({ rejected, problem, sent }) =>
    rejected === null ? (problem === "" ? 0 : (sent?.at ?? 1)) : rejected.at
  )
  const ill = client.health !== null && client.health.health !== "healthy" ? client.health.reportedAt : 0
  const lost = client.state === "connected" || leftWell(client) ? 0 : client.lastSeen
  return Math.max(0, ill, lost, ...refused)
}

/** Newest trouble first; of the others those that are connected. */
const inOrder = (clients: ReadonlyArray<Client>): ReadonlyArray<Client> =>
  clients
    .map((client) => ({ client, at: troubleAt(client) }))
    .sort((a, b) => b.at - a.at || Number(a.client.state !== "connected") - Number(b.client.state !== "connected"))
    .map(({ client }) => client)

/** Of all that were asked for. */
export interface Counted {
  readonly connected: number
  readonly all: number
  /** "shop version 3: 40/50 applied, 10 to go" */
  readonly keys: ReadonlyArray<string>
}

const countedHere = (clients: ReadonlyArray<Client>): Counted => ({
  connected: clients.filter((client) => client.state === "connected").length,
  all: clients.length,
  keys: []
})

const headOf = (counted: Counted, clients: ReadonlyArray<Client>, paint: Paint): string => {
  const troubled = clients.filter((client) => troubleAt(client) > 0).length
  const lagging = clients.filter(
    (client) => client.state === "connected" && client.keys.some((key) => behind({ client, first: true, key }))
  ).length
  const parts = [
    `${counted.connected} of ${counted.all} connected`,
    ...(troubled > 0 ? [paint.red(`${troubled} with trouble`)] : []),
    ...(lagging > 0 ? [paint.yellow(`${lagging} lagging`)] : [])
  ]
  return [parts.join(", "), ...counted.keys.map((key) => `  ${printable(key)}`)].join("\n")
}

export interface Told {
  readonly now: number
  readonly narrowed: boolean
  /** What it means that there is none, where that is good news. */
  readonly nobody?: string | undefined
  /** A name that was asked for, and which no client has. */
  readonly unknown?: string | undefined
  readonly counted?: Counted | undefined
  readonly room: number
}

export const clientsTable = (found: ReadonlyArray<Client>, told: Told, paint: Paint): string => {
  if (found.length === 0) {
    if (told.unknown !== undefined) return printable(told.unknown)
    if (told.nobody !== undefined) return paint.green(told.nobody)
    return told.narrowed
      ? "no such client; herald clients shows all that there are"
      : "no client is known; try: herald subscribe <service>"
  }
  const clients = inOrder(found)
  const away = (row: Row) => (leftWell(row.client) ? paint.dim : paint.red)
  const columns: ReadonlyArray<Column<Row>> = [
    {
      title: "STATE",
      value: (row) => (row.first ? row.client.state : ""),
      paint: (row) => (row.client.state === "connected" ? paint.green : away(row))
    },
    { title: "SERVICE", value: (row) => (row.first ? row.client.service : ""), paint: () => paint.bold },
    { title: "INSTANCE", value: (row) => (row.first ? row.client.instance : "") },
    { title: "OWNER", value: (row) => (row.first ? row.client.owner || "shared" : "") },
    { title: "ENV", value: (row) => (row.first ? row.client.environment : "") },
    { title: "SEEN", value: (row) => (row.first ? ago(row.client.lastSeen, told.now) : "") },
    { title: "KEY", value: (row) => row.key?.key ?? "-" },
    { title: "DESIRED", value: (row) => version(row.key?.desired), right: true },
    { title: "SENT", value: (row) => version(row.key?.sent), right: true },
    {
      title: "APPLIED",
      value: (row) => version(row.key?.applied),
      right: true,
      paint: (row) => (behind(row) ? paint.yellow : paint.green)
    },
    { title: "TROUBLE", value: trouble, paint: () => paint.red }
  ]
  const rows = rowsOf(clients)
  // What is the same for everybody, or empty, gives its room to the rest.
  const narrow = told.room < WIDE ? columns.filter(({ title }) => title !== "OWNER" && title !== "SENT") : columns
  const kept = rows.some((row) => trouble(row) !== "") ? narrow : narrow.filter(({ title }) => title !== "TROUBLE")
  const head = headOf(told.counted ?? countedHere(clients), clients, paint)
  if (kept.length === columns.length || kept.at(-1)?.title !== "TROUBLE")
    return `${head}\n${table(rows, kept, paint, told.room)}`
  // A reason is what is looked for: on a narrow terminal it has a line of its own.
  const [titles = "", ...lines] = table(rows, kept.slice(0, -1), paint, told.room).split("\n")
  const reasons = rows.map((row) => printable(trouble(row)))
  const below = (reason: string) => (reason === "" ? "" : `\n  ${paint.red(cutLine(reason, told.room - 2))}`)
  return [head, titles, ...lines.map((line, at) => line + below(reasons[at] ?? ""))].join("\n")
}

/** Characters of a line that has room for every column. */
const WIDE = 120

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
