/** `herald clients`: every instance, what it should have, was sent, applied or rejected and why. */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import type { Client } from "../../edge/http/Wire.ts"
import { onlyEnv, optionalText, session, yes } from "../Globals.ts"
import type { Paint } from "../Paint.ts"
import { Shell } from "../Shell.ts"
import { ago, table } from "../Table.ts"
import { watch } from "../Watch.ts"

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

/** The rejection counts only while nothing newer was applied. */
const trouble = ({ key, client, first }: Row): string => {
  const parts: Array<string> = []
  if (key !== undefined && key.problem !== "") parts.push(`can't be sent: ${key.problem}`)
  if (key?.rejected && key.rejected.revision > (key.applied?.revision ?? 0)) {
    parts.push(`version ${key.rejected.version} rejected: ${key.rejected.reason || "no reason given"}`)
  }
  if (first && client.health !== null && client.health.health !== "healthy") {
    parts.push(`${client.health.health}${client.health.message === "" ? "" : `: ${client.health.message}`}`)
  }
  if (first && client.state !== "connected" && client.ending !== "") parts.push(client.ending)
  return parts.join("; ")
}

const behind = (row: Row): boolean =>
  row.key?.desired !== null &&
  row.key?.desired !== undefined &&
  (row.key.applied?.revision ?? 0) < row.key.desired.revision

/** The most that the server tells at once. */
const MOST = 1_000

export const clientsTable = (clients: ReadonlyArray<Client>, now: number, paint: Paint): string => {
  if (clients.length === 0) return "no client has ever connected; try: herald subscribe <service>"
  const up = clients.filter((client) => client.state === "connected").length
  return `${table(
    rowsOf(clients),
    [
      {
        title: "STATE",
        value: (row) => (row.first ? row.client.state : ""),
        paint: (row) => (row.client.state === "connected" ? paint.green : paint.red)
      },
      { title: "SERVICE", value: (row) => (row.first ? row.client.service : ""), paint: () => paint.bold },
      { title: "INSTANCE", value: (row) => (row.first ? row.client.instance : "") },
      { title: "ENV", value: (row) => (row.first ? row.client.environment : "") },
      { title: "SEEN", value: (row) => (row.first ? ago(row.client.lastSeen, now) : "") },
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
    ],
    paint
  )}\n${paint.dim(`${up} of ${clients.length} connected`)}`
}

export const clients = Command.make(
  "clients",
  {
    service: optionalText("service", "Only this service", "name"),
    env: onlyEnv,
    watch: yes("watch", "Stay, and show it again when it changes")
  },
  Effect.fn("Clients.run")(function* ({ service, env, watch: stay }) {
    const shell = yield* Shell
    const here = yield* session
    const read = here
      .call({ method: "GET", path: "/v1/clients", query: { environment: env, service, limit: MOST } })
      .pipe(Effect.map(({ body }) => (body as { readonly clients: ReadonlyArray<Client> }).clients))
    if (!stay) {
      const found = yield* read
      const now = yield* shell.now
      if (found.length === MOST) {
        yield* shell.progress(`only the first ${MOST} clients are shown; narrow them with --service or --env`)
      }
      return yield* here.emit(found, (paint) => clientsTable(found, now, paint))
    }
    const look = Effect.gen(function* () {
      const found = yield* read
      const now = yield* shell.now
      return {
        data: found,
        asTable: (paint: Paint) => clientsTable(found, now, paint),
        fingerprint: JSON.stringify(found.map((client) => ({ ...client, lastSeen: 0 })))
      }
    })
    yield* watch(here, look, { replace: true })
  })
).pipe(
  Command.withDescription("Show every client instance: what it should have, was sent, applied or rejected and why"),
  Command.withShortDescription("Show who has what"),
  Command.withExamples([
    { command: "herald clients", description: "Every environment" },
    { command: "herald clients --service user-service --watch", description: "Live" }
  ])
)
