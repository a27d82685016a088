/** `herald clients`: every instance, what it should have, was sent, applied or rejected and why. */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import type { Client } from "../../../edge/http/fleet/Wire.ts"
import { invocation, onlyEnv, optionalText, yes } from "../../Globals.ts"
import type { Paint } from "../../Paint.ts"
import { Shell } from "../../Shell.ts"
import { ago, table } from "../../Table.ts"
import { watch } from "../../Watch.ts"

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

const trouble = ({ key, client, first }: Row): string => {
  const parts: Array<string> = []
  if (key !== undefined && key.problem !== "") parts.push(`can't be sent: ${key.problem}`)
  if (key?.rejected) parts.push(`version ${key.rejected.version} rejected: ${key.rejected.reason || "no reason given"}`)
  if (key !== undefined && isLost(key, key.applied)) parts.push("what it applied is of a history that was lost")
  if (first && client.health !== null && client.health.health !== "healthy") {
    parts.push(`${client.health.health}${client.health.message === "" ? "" : `: ${client.health.message}`}`)
  }
  if (first && client.state !== "connected" && client.ending !== "") parts.push(client.ending)
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

export const clientsTable = (clients: ReadonlyArray<Client>, now: number, paint: Paint, narrowed = false): string => {
  if (clients.length === 0) {
    return narrowed
      ? "no such client; herald clients shows all that there are"
      : "no client is known; try: herald subscribe <service>"
  }
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
      { title: "OWNER", value: (row) => (row.first ? row.client.owner || "shared" : "") },
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

export const clients = Command.make(
  "clients",
  {
    service: optionalText("service", "Only this service", "name"),
    instance: optionalText("instance", "Only this instance, with all of its keys", "name"),
    env: onlyEnv,
    watch: yes("watch", "Stay, and show it again when it changes")
  },
  Effect.fn("Clients.run")(function* ({ service, instance, env, watch: stay }) {
    const shell = yield* Shell
    const here = yield* invocation
    const narrowed = [service, instance, env].some((one) => one !== undefined)
    const page = (query: Record<string, string | number | undefined>) =>
      here
        .call({ method: "GET", path: "/v1/clients", query: { environment: env, service, instance, ...query } })
        .pipe(Effect.map(({ body }) => body as Page))
    const read = Effect.gen(function* () {
      const found: Array<Client> = []
      const keys = instance === undefined ? undefined : TOGETHER
      let next: string | null = null
      do {
        const some: Page = yield* page({ limit: MOST - found.length, keys, after: next ?? undefined })
        for (const client of some.clients) found.push(instance === undefined ? client : yield* whole(client, page))
        next = some.next
      } while (next !== null && found.length < MOST)
      return { clients: found, more: next !== null }
    })
    if (!stay) {
      const { clients: found, more } = yield* read
      const now = yield* shell.now
      if (more) {
        yield* shell.progress(`only the first ${MOST} clients are shown; narrow them with --service or --env`)
      }
      return yield* here.emit(found, (paint) => clientsTable(found, now, paint, narrowed))
    }
    const look = Effect.gen(function* () {
      const { clients: found } = yield* read
      const now = yield* shell.now
      return {
        data: found,
        asTable: (paint: Paint) => clientsTable(found, now, paint, narrowed),
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
    { command: "herald clients --service user-service --watch", description: "Live" },
    { command: "herald clients --instance user-service-7", description: "One instance, with all of its keys" }
  ])
)
