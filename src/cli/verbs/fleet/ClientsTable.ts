/** Clients as a table, newest trouble first, with how many there are above it. Pure. */
import type { Client } from "../../../edge/http/fleet/Wire.ts"
import { printable } from "../../../text/Printable.ts"
import type { Paint } from "../../Paint.ts"
import { ago, type Column, table } from "../../Table.ts"

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

export const version = (at: { readonly version: number } | null | undefined): string =>
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
    { title: "TROUBLE", value: trouble, paint: () => paint.red, text: Number.POSITIVE_INFINITY }
  ]
  const rows = rowsOf(clients)
  // What is the same for everybody, or empty, gives its room to the rest.
  const narrow = told.room < WIDE ? columns.filter(({ title }) => title !== "OWNER" && title !== "SENT") : columns
  const kept = rows.some((row) => trouble(row) !== "") ? narrow : narrow.filter(({ title }) => title !== "TROUBLE")
  const head = headOf(told.counted ?? countedHere(clients), clients, paint)
  return `${head}\n${table(rows, kept, paint, told.room)}`
}

/** Characters of a line that has room for every column. */
const WIDE = 120
