/**
 * What rollouts cost, and how soon they are taken back: from the first bad report to the old version at 1,000 clients; publishes of a key with 20
 * rollouts active on others that the same clients want, and without, in turns; 10,000 instances in one rollout.
 */
import { ReportHealthRequest } from "../proto/generated/herald/distribution/v1/distribution.ts"
import { Load } from "./load/Load.ts"
import { propagate } from "./propagation.ts"
import type { Http } from "./support/Http.ts"
import { median, short } from "./support/Numbers.ts"
import { payload } from "./support/Payload.ts"
import { residentBytes, settled, until } from "./support/Process.ts"
import { main, type Options, type Report, type Row } from "./support/Report.ts"
import { collectable, Server } from "./support/Server.ts"
import { Unary } from "./support/Unary.ts"

const ACTIVE = 20
const EVERYBODY = { stages: "100%", bake: "1h" }
const PATIENCE = 120_000

interface Shown {
  readonly id: string
  readonly state: string
  readonly at: number
  readonly revision: number
  readonly reason: string
}

const row = (what: string, reach: string, unit: string, values: ReadonlyArray<number>): Row => ({
  what,
  reach,
  unit,
  values
})

const asked = async (http: Http, method: string, path: string, body?: object): Promise<Shown> => {
  const answer = await http.request(method, path, body === undefined ? "" : JSON.stringify(body))
  if (answer.status !== 200) throw new Error(`${method} ${path} was answered ${answer.status}: ${answer.body}`)
  return JSON.parse(answer.body) as Shown
}
const at = (id: string, move = "") => `/v1/rollouts/${id}${move}?environment=production`

const start = (http: Http, key: string, plan: object): Promise<Shown> =>
  asked(http, "POST", "/v1/rollouts", {
    environment: "production",
    changes: [{ key, value: JSON.parse(payload(0)) }],
    plan,
    message: "benchmark"
  })

const becomes = (http: Http, id: string, state: string): Promise<Shown> =>
  until(
    `${id} to be ${state}`,
    async () => {
      const shown = await asked(http, "GET", at(id))
      return shown.state === state ? shown : undefined
    },
    PATIENCE
  )

/** Milliseconds from the first bad report to its end, and until the last client has the old version. */
const takenBack = async (server: Server, clients: number, runs: number) => {
  const decided: Array<number> = []
  const restored: Array<number> = []
  const http = await server.connect()
  const key = "back"
  const version = await http.publish(key, payload(0))
  await using load = new Load()
  await load.connect({ grpc: server.grpc, token: server.token, service: key, keys: [key], clients })
  const reports = new Unary(server.grpc, server.token)
  for (let run = 0; run < runs; run++) {
    const gates = ["unhealthy < 0.05%, at least 1, coverage 0%"]
    const { id } = await start(http, key, { ...EVERYBODY, gates })
    const baking = await becomes(http, id, "baking")
    const report = ReportHealthRequest.fromPartial({
      serviceName: key,
      instanceId: `instance-${run}`,
      environment: "production",
      revision: BigInt(baking.revision),
      health: 3,
      message: "it is slow"
    })
    const since = Date.now()
    await reports.call(
      "/herald.distribution.v1.DistributionService/ReportHealth",
      ReportHealthRequest.encode(report).finish()
    )
    const last = await until(
      "everyone to have the old version",
      async () => {
        const having = await load.having(key, version)
        return having.clients === clients ? having.last : undefined
      },
      PATIENCE
    )
    decided.push((await becomes(http, id, "rolled_back")).at - since)
    restored.push(last - since)
  }
  const { wrong } = await load.report()
  reports.close()
  http.close()
  return { decided, restored, wrong }
}

/** Median of publish → applied with rollouts active on other keys of the same clients, and without, in turns. */
const beside = async (server: Server, clients: number, runs: number, lasting: { seconds: number; warmUp: number }) => {
  const http = await server.connect()
  const others = Array.from({ length: ACTIVE }, (_, n) => `beside.k${n}`)
  for (const key of others) await http.publish(key, payload(0))
  await using load = new Load()
  await load.connect({
    grpc: server.grpc,
    token: server.token,
    service: "bench",
    keys: ["bench", "beside.*"],
    clients
  })
  const without: Array<number> = []
  const active: Array<number> = []
  const wrong: Array<string> = []
  const cpu = new Map<Array<number>, Array<string>>([without, active].map((turns) => [turns, []]))
  const measure = async (into: Array<number>) => {
    const seen = await propagate(server, load, lasting)
    into.push(seen.each.p50)
    cpu.get(into)!.push(`${short(seen.server * 100)} %`)
    wrong.push(...seen.wrong)
  }
  for (let run = 0; run < runs; run++) {
    const ids: Array<string> = []
    const begin = async () => {
      for (const key of others) ids.push((await start(http, key, { stages: "50%,100%", bake: "1h", gates: [] })).id)
      for (const id of ids) await becomes(http, id, "baking")
    }
    const end = async () => {
      for (const id of ids.splice(0)) await asked(http, "POST", at(id, "/abort"), {})
    }
    // Whatever the machine does over time is not always to the harm of the same one.
    if (run % 2 === 0) await measure(without)
    await begin()
    await measure(active)
    await end()
    if (run % 2 === 1) await measure(without)
  }
  http.close()
  const said = `CPU of a core, server: without ${cpu.get(without)!.join(", ")}; with ${cpu.get(active)!.join(", ")}`
  return { without, active, said, wrong }
}

/** One rollout of so many instances: what a decision takes, rows of evidence a second, bytes an instance. */
const fleet = async (instances: number) => {
  await using server = await new Server().start(collectable)
  const http = await server.connect()
  await http.publish("fleet", payload(0))
  await using load = new Load()
  await load.connect({
    grpc: server.grpc,
    token: server.token,
    service: "fleet",
    keys: ["fleet"],
    clients: instances,
    atOnce: 100
  })
  const resident = () => {
    server.collectGarbage()
    return residentBytes(server.pid)
  }
  const before = await settled(resident)
  const rows = await server.metric("herald_rollout_sightings_written_total")
  const { id } = await start(http, "fleet", { ...EVERYBODY, applied: "100%", gates: ["rejected < 1%", "lost < 1%"] })
  const deploying = await until("its stage to begin", async () => {
    const shown = await asked(http, "GET", at(id))
    return shown.state === "scheduled" ? undefined : shown
  })
  const baking = await becomes(http, id, "baking")
  const written = (await server.metric("herald_rollout_sightings_written_total")) - rows
  const took = (baking.at - (deploying.state === "deploying" ? deploying.at : baking.at)) / 1_000
  const [seconds, decisions] = [
    await server.metric("herald_rollout_decision_seconds_sum"),
    await server.metric("herald_rollout_decision_seconds_count")
  ]
  const after = await settled(resident)
  http.close()
  return {
    decision: (seconds / decisions) * 1_000,
    written,
    perSecond: written / took,
    took,
    bytes: (after - before) / instances,
    resident: `${short(before / 2 ** 20)} → ${short(after / 2 ** 20)}`,
    wrong: (await load.report()).wrong
  }
}

const measure = async ({ short: brief, runs }: Options): Promise<Report> => {
  const clients = brief ? 100 : 1_000
  const instances = brief ? 500 : 10_000
  const lasting = brief ? { seconds: 1, warmUp: 1 } : { seconds: 5, warmUp: 1 }
  const server = await new Server().start()
  const back = await takenBack(server, clients, runs)
  const turns = await beside(server, clients, brief ? 1 : 2 * runs, lasting)
  await server[Symbol.asyncDispose]()
  const fleets: Array<Awaited<ReturnType<typeof fleet>>> = []
  for (let run = 0; run < runs; run++) fleets.push(await fleet(instances))
  const many = clients.toLocaleString("en-US")
  const all = instances.toLocaleString("en-US")
  const each = (of: (one: (typeof fleets)[number]) => number) => fleets.map(of)
  return {
    rows: [
      row("first bad report → taken back", "≤ 1,000 ms", "ms", back.decided),
      row(`first bad report → old version at all of ${many} clients`, "≤ 3,000 ms", "ms", back.restored),
      row(`publish → applied at ${many} clients, p50`, "", "ms", turns.without),
      row(`… with ${ACTIVE} rollouts active on other keys of theirs`, "", "ms", turns.active),
      row("… of that without, medians", "≤ 1.05", "×", [median(turns.active) / median(turns.without)]),
      row(
        `a decision on a rollout of ${all} instances, mean`,
        "≤ 100 ms",
        "ms",
        each(({ decision }) => decision)
      ),
      row(
        "evidence rows written a second, as all of them apply it",
        "stated",
        "rows/s",
        each(({ perSecond }) => perSecond)
      ),
      row(
        "stage begun → everyone has applied it and is counted",
        "",
        "s",
        each(({ took }) => took)
      ),
      row(
        "resident memory more, an instance in the rollout",
        "stated",
        "bytes",
        each(({ bytes }) => bytes)
      )
    ],
    notes: [
      `rows of evidence written, of ${all} instances: ${each(({ written }) => written).join(", ")}`,
      `resident MiB with ${all} clients, before and in the rollout: ${fleets.map(({ resident }) => resident).join("; ")}`,
      `turns of ${lasting.seconds} s, with and without rollouts, by medians of ${turns.active.length}`,
      turns.said
    ],
    wrong: [...back.wrong, ...turns.wrong, ...fleets.flatMap(({ wrong }) => wrong)]
  }
}

if (import.meta.main) await main("rollouts", measure)
