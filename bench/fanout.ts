/**
 * Events of a topic to many readers, each on a connection of its own, and the same through NATS, Redis and etcd, in turns in one run: the same
 * program publishes and the same program reads, and only the server between them differs. Events are 120 bytes.
 *
 *   BZ2, BZ3 in support/Fan.ts
 */
import type { Protocol } from "./load/Fan.ts"
import { type Crowd, Fan, type Measured } from "./support/Fan.ts"
import { onDeno, peers, type Sending } from "./support/FanPeers.ts"
import { median, short } from "./support/Numbers.ts"
import { main, type Options, type Report, type Row, repeat } from "./support/Report.ts"

type How = (fan: Fan) => (millis: number) => Promise<void>

const closed: How = (fan) => (millis) => fan.closed(millis)
/** `perSecond`: deliveries to `connections`. */
const fixed =
  (perSecond: number, connections: number): How =>
  (fan) =>
  (millis) =>
    fan.open(perSecond / connections, millis)

const measureOn = async (serve: () => Promise<Sending>, crowd: Crowd, millis: number, how: How): Promise<Measured> => {
  await using sending = await serve()
  await using fan = new Fan(sending, crowd)
  await fan.ready()
  return await fan.measured(how(fan), millis)
}

const PROTOCOLS = ["herald", "nats", "redis", "etcd"] as const satisfies ReadonlyArray<Protocol>
type Each = Readonly<Partial<Record<Protocol, Measured>>>

const inTurns = async (protocols: ReadonlyArray<Protocol>, crowd: Crowd, millis: number, how: How): Promise<Each> => {
  const found: Partial<Record<Protocol, Measured>> = {}
  for (const protocol of protocols) found[protocol] = await measureOn(peers[protocol], crowd, millis, how)
  return found
}

const row = (what: string, reach: string, unit: string, values: ReadonlyArray<number>): Row => ({
  ...{ what, reach, unit, values }
})

const LEAST: Readonly<Record<number, Partial<Record<Protocol, string>>>> = {
  100: { herald: "≥ 10M/s", nats: "≥ 6 ×", redis: "≥ 2 ×", etcd: "≥ 30 ×" },
  1000: { herald: "≥ 5M/s", nats: "≥ 4 ×", redis: "≥ 2.5 ×", etcd: "≥ 15 ×" }
}

const loops = (all: ReadonlyArray<Each>, connections: number): ReadonlyArray<Row> =>
  PROTOCOLS.filter((protocol) => all[0]![protocol] !== undefined).flatMap((protocol) => {
    const reach = LEAST[connections]![protocol]!
    const rates = row(
      `${protocol}, ${connections} readers, closed loop`,
      protocol === "herald" ? reach : "",
      "M deliveries/s",
      all.map((each) => each[protocol]!.rate / 1e6)
    )
    const of = all.map((each) => each.herald!.rate / each[protocol]!.rate)
    return protocol === "herald" ? [rates] : [rates, row(`… herald's of that`, reach, "×", of)]
  })

/** None of a short run that left it out. */
const late = (what: string, reach: string, found: ReadonlyArray<Measured | undefined>): ReadonlyArray<Row> => {
  const all = found.filter((one) => one !== undefined)
  const values = (of: (one: Measured) => number) => all.map(of)
  return all.length === 0
    ? []
    : [
        row(
          `${what}, p50`,
          "",
          "ms",
          values(({ p50 }) => p50)
        ),
        row(
          "… p99",
          reach,
          "ms",
          values(({ p99 }) => p99)
        )
      ]
}

const RATES = [500_000, 1_000_000, 4_000_000]

const measure = async ({ short: brief, runs }: Options): Promise<Report> => {
  const millis = brief ? 700 : 5_000
  const all = await repeat(runs, async () => {
    const hundred = await inTurns(PROTOCOLS, { connections: 100 }, millis, closed)
    // A short run has the peers once: readers of a thousand take seconds to come and to go.
    const thousand = await inTurns(brief ? ["herald"] : PROTOCOLS, { connections: 1_000 }, millis, closed)
    const still = await inTurns(
      brief ? ["herald"] : ["herald", "nats", "redis"],
      { connections: 1_000 },
      millis,
      fixed(2e6, 1_000)
    )
    const few = await inTurns(brief ? ["herald"] : ["herald", "redis"], { connections: 100 }, millis, fixed(2e6, 100))
    const stalled = await measureOn(peers.herald, { connections: 1_000, stalled: 1 }, millis, fixed(2e6, 1_000))
    const filtered = await measureOn(peers.herald, { connections: 1_000, filtered: true }, millis, closed)
    const deno = await measureOn(onDeno, { connections: 100 }, millis, closed)
    const curve: Array<Measured> = []
    if (!brief)
      for (const rate of RATES)
        curve.push(await measureOn(peers.herald, { connections: 1_000 }, millis, fixed(rate, 1_000)))
    return { hundred, thousand, still, few, stalled, filtered, deno, curve }
  })
  const of = (each: keyof (typeof all)[number] & ("hundred" | "thousand" | "still" | "few")) =>
    all.map((run) => run[each])
  const cpu = (each: ReadonlyArray<Each>) =>
    PROTOCOLS.filter((protocol) => each[0]![protocol] !== undefined)
      .map((protocol) => {
        const share = (value: (measured: Measured) => number) => short(median(each.map((one) => value(one[protocol]!))))
        return `${protocol} ${share(({ server }) => server)} (readers ${share(({ cpu }) => cpu)})`
      })
      .join(", ")
  const wrongOf = (name: string, { wrong, told, missing }: Measured): ReadonlyArray<string> => [
    ...(wrong > 0 ? [`${name}: ${wrong} numbers did not follow`] : []),
    ...(told > 0 ? [`${name}: readers were cut off or told of gaps ${told} times`] : []),
    ...(missing !== 0 ? [`${name}: ${missing} events of a reader did not come within a minute`] : [])
  ]
  const lost = all.flatMap(({ hundred, thousand, still, few }) =>
    [hundred, thousand, still, few].flatMap((each) =>
      PROTOCOLS.flatMap((protocol) =>
        protocol === "herald" || each[protocol] === undefined ? [] : wrongOf(protocol, each[protocol])
      )
    )
  )
  return {
    rows: [
      ...loops(of("hundred"), 100),
      ...loops(of("thousand"), 1_000),
      ...late(
        "herald, 1,000 readers at 2M deliveries/s",
        "< 25 ms",
        of("still").map(({ herald }) => herald!)
      ),
      ...late(
        "nats, the same",
        "",
        of("still").map(({ nats }) => nats)
      ),
      ...late(
        "redis, the same",
        "",
        of("still").map(({ redis }) => redis)
      ),
      ...late(
        "herald, 100 readers at 2M deliveries/s",
        "< 10 ms",
        of("few").map(({ herald }) => herald!)
      ),
      ...late(
        "redis, the same",
        "",
        of("few").map(({ redis }) => redis)
      ),
      ...RATES.flatMap((rate, i) =>
        brief
          ? []
          : late(
              `herald, 1,000 readers at ${rate / 1e6}M deliveries/s`,
              "",
              all.map(({ curve }) => curve[i]!)
            )
      ),
      row(
        "1,000 readers at 2M/s with one beside them that is stalled, p99 of that without",
        "≤ 1.2 ×",
        "×",
        all.map(({ stalled, still }) => stalled.p99 / still.herald!.p99)
      ),
      row(
        "… resident memory, of that without",
        "bounded",
        "×",
        all.map(({ stalled, still }) => stalled.memory / still.herald!.memory)
      ),
      row(
        "100 filters over 1,000 readers, deliveries of those without filters",
        "≥ 0.6 ×",
        "×",
        all.map(({ filtered, thousand }) => filtered.rate / thousand.herald!.rate)
      ),
      row(
        "herald on Deno, 100 readers, of Node, a CPU second",
        "≥ 0.85 ×",
        "×",
        all.map(({ deno, hundred }) => deno.rate / deno.server / (hundred.herald!.rate / hundred.herald!.server))
      ),
      row(
        "herald, resident memory at 1,000 readers",
        "",
        "MB",
        all.map(({ thousand }) => thousand.herald!.memory / 1e6)
      )
    ],
    notes: [
      `share of a core that each server had, and the program that reads: 100 readers ${cpu(of("hundred"))}; 1,000 ${cpu(of("thousand"))}; at 2M/s ${cpu(of("still"))}`,
      "herald is the door, the fan-out and the log of ephemeral topics in one process, and takes batches of 100 on a bare socket; NATS core and Redis pub/sub keep nothing; etcd is told not to sync its disk, and takes 100 events in one transaction",
      ...lost
    ],
    wrong: all.flatMap(({ hundred, thousand, still, few, stalled, filtered, deno, curve }) =>
      [...[hundred, thousand, still, few].map(({ herald }) => herald!), stalled, filtered, deno, ...curve].flatMap(
        (measured) => wrongOf("herald", measured)
      )
    )
  }
}

if (import.meta.main) await main("fanout", measure)
