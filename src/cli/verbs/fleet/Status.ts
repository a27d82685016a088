/** `herald status`: what runs, in one screen: the server, the versions of each service, who refused and why. */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import type { Client, KeySummary, Node, ServiceSummary } from "../../../edge/http/fleet/Wire.ts"
import type { Rollout, RolloutList } from "../../../edge/http/rollouts/Wire.ts"
import { printable } from "../../../text/Printable.ts"
import { type Invocation, invocation, onlyEnv, optionalText, yes } from "../../Globals.ts"
import type { Paint } from "../../Paint.ts"
import { Shell } from "../../Shell.ts"
import { ago, cutLine, TEXT, table } from "../../Table.ts"
import { watch } from "../../Watch.ts"
import { type Health, healthOf } from "../node/Health.ts"
import { colourOf, gist, stageOf, wordOf } from "../rollouts/Told.ts"
import { misnamed } from "./NearClients.ts"
import { summed } from "./Summed.ts"

interface Row {
  readonly of: ServiceSummary
  readonly key: KeySummary | undefined
  readonly first: boolean
}

/** Keys of a service that are shown. */
const SHOWN = 10
const NAMED = 10

const rowsOf = (services: ReadonlyArray<ServiceSummary>): ReadonlyArray<Row> =>
  services.flatMap(
    (of): ReadonlyArray<Row> =>
      of.keys.length === 0
        ? [{ of, key: undefined, first: true }]
        : of.keys.slice(0, SHOWN).map((key, at) => ({ of, key, first: at === 0 }))
  )

/** "5 on 2, 1 on 1" */
const others = ({ key }: Row): string => {
  if (key === undefined) return ""
  const { desired } = key
  const old = key.versions.filter(({ epoch, revision }) => epoch !== desired?.epoch || revision < desired.revision)
  return [
    ...old.map(({ clients, version }) => `${clients} on ${version}`),
    ...(key.rejected > 0 ? [`${key.rejected} rejected`] : []),
    ...(key.problem > 0 ? [`${key.problem} can't be sent it`] : []),
    ...(key.pending > 0 ? [`${key.pending} to go`] : [])
  ].join(", ")
}

interface Refusal {
  readonly environment: string
  readonly service: string
  readonly instance: string
  readonly key: string
  readonly reason: string
}

const refusalsOf = ({ environment, service, instance, keys }: Client): ReadonlyArray<Refusal> =>
  keys
    .filter((key) => key.rejected !== null || key.problem !== "")
    .map(({ key, rejected, problem }) => {
      const reason =
        rejected === null
          ? `can't be sent: ${problem}`
          : `version ${rejected.version} rejected: ${rejected.reason || "no reason given"}`
      return { environment, service, instance, key, reason }
    })

interface Status {
  /** Undefined where the caller may not see nodes. */
  readonly nodes: ReadonlyArray<Node> | undefined
  readonly server: string
  readonly health: Health
  readonly services: ReadonlyArray<ServiceSummary>
  readonly refusals: ReadonlyArray<Refusal>
  /** Those that are not over, of the environments that are shown. */
  readonly rollouts: ReadonlyArray<Rollout>
}

/** Milliseconds without a sign of life after which a node is worth a word. */
const SILENT = 60_000

const nodesOf = (nodes: ReadonlyArray<Node> | undefined, now: number, paint: Paint): ReadonlyArray<string> => {
  if (nodes === undefined || nodes.length === 0) return []
  const [up, silent] = [
    nodes.filter(({ seenAt }) => now - seenAt < SILENT),
    nodes.filter(({ seenAt }) => now - seenAt >= SILENT)
  ]
  // A node that began again has another run: its former ones are no news.
  const gone = silent.filter(({ node }) => !up.some((one) => one.node === node))
  const named = up.map(({ node, clients }) => `${printable(node)} (${clients})`)
  return [
    `${up.length} ${up.length === 1 ? "node" : "nodes"}: ${named.join(", ")}`,
    ...gone.slice(0, 5).map(({ node, seenAt }) => paint.yellow(`  ${printable(node)} last seen ${ago(seenAt, now)}`))
  ]
}

/** What is counted, and how it is called: one, and many. */
const NOUNS: Readonly<Record<string, readonly [one: string, many: string]>> = {
  configuration: ["key", "keys"],
  flag: ["flag", "flags"],
  segment: ["segment", "segments"]
}

/** "12 keys, 3 flags"; what there is none of is left out. */
const heldOf = ({ holds = {} }: Health): ReadonlyArray<string> => {
  const said = Object.entries(NOUNS).flatMap(([kind, [one, many]]) => {
    const count = holds[kind] ?? 0
    return count > 0 ? [`${count} ${count === 1 ? one : many}`] : []
  })
  return said.length === 0 ? [] : [said.join(", ")]
}

const asTable = (status: Status, now: number, room: number, paint: Paint, unknown?: string): string => {
  const { server, nodes, health, services, refusals, rollouts } = status
  const connected = services.reduce((sum, one) => sum + one.connected, 0)
  const away = services.reduce((sum, one) => sum + one.away, 0)
  const left = services.some(({ keys, more }) => more || keys.length > SHOWN)
  const ready = health.status === "ready" ? paint.green("ready") : paint.red(printable(health.status))
  const without = health.degraded.length === 0 ? "" : paint.yellow(`, without ${health.degraded.join(", ")}`)
  const at = health.revision === undefined ? "" : `, revision ${health.revision}`
  return [
    `${paint.bold(printable(server))} ${ready}${at}${without}`,
    ...nodesOf(nodes, now, paint),
    ...heldOf(health),
    `${connected} ${connected === 1 ? "client" : "clients"} connected${away > 0 ? `, ${away} away` : ""}`,
    ...(services.length === 0
      ? [unknown === undefined ? "no client is known; try: herald subscribe <service>" : printable(unknown)]
      : [
          table(
            rowsOf(services),
            [
              { title: "SERVICE", value: ({ of, first }) => (first ? of.service : ""), paint: () => paint.bold },
              { title: "ENV", value: ({ of, first }) => (first ? of.environment : "") },
              { title: "CLIENTS", value: ({ of, first }) => (first ? String(of.connected) : ""), right: true },
              { title: "KEY", value: ({ key }) => key?.key ?? "-" },
              { title: "NEWEST", value: ({ key }) => String(key?.desired?.version ?? "-"), right: true },
              {
                title: "HAVE IT",
                value: ({ key }) => (key === undefined ? "-" : `${key.applied}/${key.clients}`),
                right: true,
                paint: ({ key }) => (key?.applied === key?.clients ? paint.green : paint.yellow)
              },
              {
                title: "OTHERS",
                value: others,
                text: TEXT,
                paint: ({ key }) => (key !== undefined && key.rejected + key.problem > 0 ? paint.red : paint.yellow)
              }
            ],
            paint,
            room
          )
        ]),
    ...(left
      ? [paint.dim("some keys are left out: herald status --output json, herald clients --service <service>")]
      : []),
    ...(rollouts.length === 0
      ? []
      : [
          `rollouts ${paint.dim("(herald rollout status <id>)")}`,
          ...rollouts.map((one) =>
            colourOf(
              one.state,
              paint
            )(
              cutLine(
                printable(
                  `  ${one.id} in ${one.environment} ${wordOf(one)}${one.stage === 0 ? "" : `, ${stageOf(one)}`}: ${gist(one)}`
                ),
                Number.isFinite(room) ? room : 0
              )
            )
          )
        ]),
    ...(refusals.length === 0
      ? []
      : [
          paint.red("refused"),
          ...refusals.map(({ service, instance, key, reason }) =>
            cutLine(printable(`  ${service}/${instance}  ${key} ${reason}`), Number.isFinite(room) ? room : 0)
          )
        ])
  ].join("\n")
}

/** Environments whose rollouts are asked for. */
const ASKED = 8

/** None where the caller may not see them. */
const rolloutsOf = Effect.fnUntraced(function* (here: Invocation, environments: ReadonlyArray<string>) {
  const found: Array<Rollout> = []
  for (const environment of environments.slice(0, ASKED)) {
    const query = { environment, state: "active", limit: NAMED }
    const asked = yield* Effect.result(here.call({ method: "GET", path: "/v1/rollouts", query, patient: false }))
    if (asked._tag === "Success") found.push(...(asked.success.body as RolloutList).rollouts)
  }
  return found.slice(0, NAMED)
})

const read = Effect.fnUntraced(function* (
  here: Invocation,
  asked: { readonly environment: string | undefined; readonly service: string | undefined }
) {
  const health = yield* healthOf(here)
  const services = yield* summed(here, asked)
  const troubled = services.some(({ keys }) => keys.some(({ rejected, problem }) => rejected + problem > 0))
  const refused = troubled
    ? yield* here.call({
        method: "GET",
        path: "/v1/clients",
        query: { ...asked, rejected: true, connected: true, limit: NAMED, keys: 1 }
      })
    : undefined
  const found = (refused?.body as { readonly clients: ReadonlyArray<Client> } | undefined)?.clients ?? []
  const nodes = yield* Effect.result(here.call({ method: "GET", path: "/v1/nodes", patient: false }))
  const environments =
    asked.environment === undefined
      ? [...new Set(["production", ...services.map(({ environment }) => environment)])]
      : [asked.environment]
  return {
    nodes: nodes._tag === "Success" ? (nodes.success.body as { readonly nodes: ReadonlyArray<Node> }).nodes : undefined,
    server: here.target.server,
    health,
    services,
    refusals: found.flatMap(refusalsOf).slice(0, NAMED),
    rollouts: yield* rolloutsOf(here, environments)
  } satisfies Status
})

export const status = Command.make(
  "status",
  {
    service: optionalText("service", "Only this service", "name"),
    env: onlyEnv,
    watch: yes("watch", "Stay, and show it again when it changes")
  },
  Effect.fn("Status.run")(function* ({ service, env, watch: stay }) {
    const shell = yield* Shell
    const here = yield* invocation
    const asked = { environment: env, service }
    if (!stay) {
      const found = yield* read(here, asked)
      const now = yield* shell.now
      const unknown =
        (service ?? env) !== undefined && found.services.length === 0 ? yield* misnamed(here, asked) : undefined
      if (unknown !== undefined && here.format !== "table") yield* shell.progress(printable(unknown))
      return yield* here.emit(found, (paint) => asTable(found, now, here.room, paint, unknown))
    }
    const look = Effect.gen(function* () {
      const found = yield* read(here, asked)
      const now = yield* shell.now
      const steady = found.nodes?.map(({ node, run, clients, seenAt }) => [node, run, clients, now - seenAt < SILENT])
      return {
        data: found,
        asTable: (paint: Paint) => asTable(found, now, here.room, paint),
        fingerprint: JSON.stringify({ ...found, nodes: steady, health: { ...found.health, date: "" } })
      }
    })
    yield* watch(here, look, { replace: true })
  })
).pipe(
  Command.withDescription(
    "Show what runs: the server and what it goes on without, which versions each service has, which rollouts are under way, who refused what and why"
  ),
  Command.withShortDescription("Show what runs"),
  Command.withExamples([
    { command: "herald status", description: "Every environment" },
    { command: "herald status --service user-service --watch", description: "One service, live" }
  ])
)
