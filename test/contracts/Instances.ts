/** What every implementation of InstanceStore must do. Run by Memory.test.ts and Postgres.test.ts. */
import { assert } from "@effect/vitest"
import { Effect, Random } from "effect"
import { Unkeepable } from "../../src/errors/Unkeepable.ts"
import { type Heard, hear, shown, unheard } from "../../src/fleet/Facts.ts"
import type { Batch, DeliveryRow, HeldRow, InstanceNote, KeyFacts } from "../../src/fleet/Instance.ts"
import { type Counted, type CountOptions, InstanceStore, type ListOptions } from "../../src/fleet/InstanceStore.ts"
import { Leases } from "../../src/leases/Leases.ts"
import { RevisionLog } from "../../src/propagation/RevisionLog.ts"
import { delivery, instance } from "../support/Instance.ts"

type Services = InstanceStore | RevisionLog | Leases
type Test = <E>(name: string, body: () => Effect.Effect<void, E, Services>) => void

let names = 0
const fresh = (name: string) => `${name}-${++names}-${process.pid}`

const applied = { state: "applied", sentAt: 0, answeredAt: 6_000 } as const
const rejected = { state: "rejected", sentAt: 0, answeredAt: 6_000, reason: "no" } as const
const problem = { state: "problem", sentAt: 0, answeredAt: 6_000, reason: "a label is missing" } as const

const write = (batch: Partial<Batch>) =>
  Effect.flatMap(InstanceStore, (store) =>
    store.write({ instances: [], deliveries: [], held: [], health: [], ...batch })
  )
const list = (options: Partial<ListOptions>) =>
  Effect.flatMap(InstanceStore, (store) => store.list({ limit: 10, keys: 100, ...options }))
/** In one word each: what, version, and of which epoch when it is not `e`. */
const factsOf = (service: string, key = "svc") =>
  Effect.map(list({ service }), ([row]) => {
    const found: Partial<KeyFacts> = row?.keys.find((one) => one.key === key) ?? {}
    return (["sent", "applied", "rejected", "problem"] as const).flatMap((what) => {
      const fact = found[what]
      return fact === undefined ? [] : [`${what} ${fact.version}${fact.epoch === "e" ? "" : ` of ${fact.epoch}`}`]
    })
  })
const at = (version: number) => ({ version, revision: BigInt(version * 10) })

export const instancesContract = (test: Test) => {
  for (const [what, changed] of [
    ["a text that can't be kept", { key: "svc.a\0b" }],
    ["a number that can't be kept", { revision: 2n ** 64n }]
  ] as const)
    test(`BL5 a batch with ${what} is refused as such, and nothing of it is kept`, () =>
      Effect.gen(function* () {
        const service = fresh("refused")
        const refused = yield* Effect.flip(
          write({ instances: [instance(service)], deliveries: [delivery(service), delivery(service, changed)] })
        )

        assert.instanceOf(refused, Unkeepable)
        assert.deepStrictEqual(yield* list({ service }), [])
      }))

  test("the report shows an instance with what is known of every key", () =>
    Effect.gen(function* () {
      const service = fresh("report")
      yield* write({
        instances: [instance(service), instance(service, { instance: "i2", environment: "staging" })],
        deliveries: [
          delivery(service),
          delivery(service, { ...at(2), state: "rejected", reason: "no", answeredAt: 6_000 }),
          delivery(service, { key: "svc.b", state: "applied", answeredAt: 7_000 })
        ],
        health: [
          {
            environment: "production",
            service,
            instance: "i1",
            epoch: "e",
            revision: 11n,
            health: "degraded",
            message: "slow",
            metrics: { p99: 1.5 },
            owner: "",
            reportedAt: 8_000
          }
        ]
      })
      const [one, ...rest] = yield* list({ service, environment: "production" })

      assert.deepStrictEqual(rest, [])
      const { opening, empty, ...known } = instance(service)
      assert.deepInclude(one, known)
      const fact = (version: number, told: number, reason = "") => ({ epoch: "e", ...at(version), at: told, reason })
      assert.deepStrictEqual(one?.keys, [
        {
          key: "svc",
          sent: fact(2, 5_000),
          applied: undefined,
          rejected: fact(2, 6_000, "no"),
          problem: undefined
        },
        { key: "svc.b", sent: fact(1, 5_000), applied: fact(1, 7_000), rejected: undefined, problem: undefined }
      ])
      assert.strictEqual(one?.troubled, 1)
      assert.deepInclude(one?.health, {
        epoch: "e",
        revision: 11n,
        health: "degraded",
        message: "slow",
        metrics: { p99: 1.5 }
      })
      assert.strictEqual((yield* list({ service })).length, 2)
      assert.strictEqual((yield* list({ service, limit: 1 })).length, 1)
      assert.deepStrictEqual(yield* list({ service: "nobody" }), [])
    }))

  test("CL1 a page of instances, and of the keys of one, goes on where the one before ended; those with trouble come with the first", () =>
    Effect.gen(function* () {
      const service = fresh("pages")
      const ids = ["a", "b", "c"].map((name) => ({ environment: "production", service, instance: name }))
      const keys = Array.from({ length: 9 }, (_, i) => `svc.${i}`)
      yield* write({
        instances: ids.map((id) => instance(service, id)),
        deliveries: keys.map((key) => delivery(service, { ...ids[0]!, key, ...(key === "svc.7" ? rejected : applied) }))
      })
      const page = (options: Partial<ListOptions>) =>
        Effect.map(list({ service, ...options }), (rows) =>
          rows.map((row) => [row.instance, row.keys.map(({ key }) => key.slice(4)).join(""), row.troubled])
        )

      assert.deepStrictEqual(yield* page({ limit: 2, keys: 3 }), [
        ["a", "0127", 1],
        ["b", "", 0]
      ])
      assert.deepStrictEqual(yield* page({ after: { ...ids[1]!, connected: true } }), [["c", "", 0]])
      assert.deepStrictEqual(yield* page({ instance: "a", keys: 3, afterKey: "svc.2" }), [["a", "3457", 1]])
      assert.deepStrictEqual(yield* page({ instance: "a", keys: 3, afterKey: "svc.7" }), [["a", "8", 1]])
    }))

  test("CL4 only those that are asked for: connected ones, those in trouble, those that subscribe to a key, with nothing but it", () =>
    Effect.gen(function* () {
      const service = fresh("asked")
      const of = (name: string) => ({ environment: "production", service, instance: name })
      yield* write({
        instances: [
          instance(service, { ...of("a"), patterns: ["svc.*"] }),
          instance(service, { ...of("b"), patterns: ["other"] }),
          instance(service, {
            ...of("c"),
            patterns: ["svc.x"],
            state: "disconnected",
            ending: "Closed",
            session: "r1/2"
          })
        ],
        deliveries: [
          delivery(service, { ...of("a"), ...applied, key: "svc.x" }),
          delivery(service, { ...of("a"), ...rejected, key: "svc.y" }),
          delivery(service, { ...of("b"), ...applied, key: "other" })
        ]
      })
      const asked = (options: Partial<ListOptions>) =>
        Effect.map(list({ service, ...options }), (rows) =>
          rows.map((row) => `${row.instance} ${row.keys.map(({ key }) => key).join(",")} ${row.troubled}`)
        )

      assert.deepStrictEqual(yield* asked({ connected: true }), ["a svc.x,svc.y 1", "b other 0"])
      assert.deepStrictEqual(yield* asked({ connected: false }), ["c  0"])
      assert.deepStrictEqual(yield* asked({ troubled: true }), ["a svc.x,svc.y 1"])
      assert.deepStrictEqual(yield* asked({ key: "svc.x" }), ["a svc.x 0", "c  0"])
      assert.deepStrictEqual(yield* asked({ key: "svc.y", connected: true }), ["a svc.y 1"])
      assert.deepStrictEqual(yield* asked({ key: "svc.y", troubled: true }), ["a svc.y 1"])
      assert.deepStrictEqual(yield* asked({ key: "svc.x", troubled: true }), [])
      assert.deepStrictEqual(yield* asked({ key: "svc" }), [])
      assert.deepStrictEqual(yield* asked({ connected: false, after: { ...of("b"), connected: true } }), ["c  0"])
    }))

  test("SU1 clients are counted by what the report shows of them, a page after the other", () =>
    Effect.gen(function* () {
      const service = fresh("counted")
      const names = ["a", "b", "c", "d", "e"]
      const of = (name: string) => ({ environment: "production", service, instance: name, session: `r1/${name}` })
      const note = (name: string, changed: Partial<InstanceNote> = {}) => instance(service, { ...of(name), ...changed })
      const say = (name: string, changed: Partial<DeliveryRow>) => delivery(service, { ...of(name), ...changed })
      yield* write({
        instances: names.map((name) => note(name, name === "e" ? { state: "disconnected", ending: "Closed" } : {})),
        deliveries: [
          say("a", applied),
          say("b", applied),
          say("b", { ...rejected, ...at(2) }),
          say("c", { ...problem, key: "svc.x" }),
          say("d", { ...applied, ...at(2) }),
          say("d", { ...rejected, ...at(2), answeredAt: 7_000 }),
          say("d", { ...applied, key: "svc.x" })
        ]
      })
      const counted = (options: Partial<CountOptions>) =>
        Effect.flatMap(InstanceStore, (store) => store.count({ service, limit: 100, ...options }))
      const one = yield* counted({})

      const where = { environment: "production", service }
      assert.deepStrictEqual(one.services, [{ ...where, connected: 4, away: 1 }])
      assert.deepStrictEqual(one.patterns, [{ ...where, patterns: ["svc", "svc.*"], clients: 4 }])
      assert.strictEqual(one.next, undefined)
      const told = (found: Counted) =>
        found.keys
          .map(({ key, applied, rejected, problem, clients }) =>
            [
              `${clients} ${key}`,
              applied === undefined ? "" : ` has ${applied.version}`,
              rejected === undefined ? "" : ` refused ${rejected.version}`,
              problem === undefined ? "" : " stuck"
            ].join("")
          )
          .sort()
      assert.deepStrictEqual(told(one), [
        "1 svc has 1",
        "1 svc has 1 refused 2",
        "1 svc refused 2",
        "1 svc.x has 1",
        "1 svc.x stuck"
      ])
      assert.deepStrictEqual(told(yield* counted({ key: "svc.x" })), ["1 svc.x has 1", "1 svc.x stuck"])
      assert.deepStrictEqual((yield* counted({ key: "other" })).services, [])

      const pages: Array<Counted> = []
      for (let after: Counted["next"] | "first" = "first"; after !== undefined; after = pages.at(-1)!.next)
        pages.push(yield* counted({ limit: 2, ...(after === "first" ? {} : { after }) }))
      assert.strictEqual(
        pages.flatMap((page) => page.services).reduce((sum, { connected }) => sum + connected, 0),
        4
      )
      assert.deepStrictEqual(pages.flatMap(told).sort(), told(one))
    }))

  test("FC3 a later state is never overwritten by an older one, so a batch may be written twice", () =>
    Effect.gen(function* () {
      const service = fresh("twice")
      const early = { instances: [instance(service)], deliveries: [delivery(service)] }
      const gone = { lastSeen: 9_000, state: "disconnected", ending: "Closed" } as const
      const late = { instances: [instance(service, gone)], deliveries: [delivery(service, applied)] }
      for (const batch of [early, late, early]) yield* write(batch)
      const [one] = yield* list({ service })

      assert.deepInclude(one, { state: "disconnected", lastSeen: 9_000, ending: "Closed" })
      assert.strictEqual(one?.keys[0]?.sent?.at, 5_000)
      assert.strictEqual(one?.keys[0]?.applied?.at, 6_000)
      yield* write({ deliveries: [delivery(service, { ...applied, revision: 9n, answeredAt: 9_000 })] })
      assert.strictEqual((yield* list({ service }))[0]?.keys[0]?.applied?.revision, 10n)
    }))

  test("FC2 what was applied stays known while something newer is sent, rejected, or can't be sent", () =>
    Effect.gen(function* () {
      const service = fresh("applied")
      const say = (changed: Partial<DeliveryRow>) => write({ deliveries: [delivery(service, changed)] })
      yield* write({ instances: [instance(service)] })
      const steps: ReadonlyArray<readonly [Partial<DeliveryRow>, ReadonlyArray<string>]> = [
        [{}, ["sent 1"]],
        [applied, ["sent 1", "applied 1"]],
        [at(2), ["sent 2", "applied 1"]],
        [{ ...at(2), ...rejected }, ["sent 2", "applied 1", "rejected 2"]],
        [{ ...at(3), ...problem }, ["sent 2", "applied 1", "rejected 2", "problem 0"]],
        [{ ...at(4) }, ["sent 4", "applied 1", "rejected 2"]],
        [{ ...at(4), ...applied }, ["sent 4", "applied 4"]],
        [{ ...at(3), ...rejected }, ["sent 4", "applied 4"]],
        [{ ...at(4), ...rejected, answeredAt: 9_000 }, ["sent 4", "rejected 4"]],
        [{ ...at(4), ...applied, answeredAt: 9_500 }, ["sent 4", "applied 4"]]
      ]
      for (const [changed, expected] of steps) {
        yield* say(changed.state === "problem" ? { ...changed, version: 0 } : changed)
        assert.deepStrictEqual(yield* factsOf(service), [...expected], JSON.stringify(changed.state))
      }
    }))

  test("FC1 what was applied of a lost history never wins over what is heard of the present one", () =>
    Effect.gen(function* () {
      const log = yield* RevisionLog
      const { epoch } = yield* log.head
      const service = fresh("lost")
      const say = (changed: Partial<DeliveryRow>) => write({ deliveries: [delivery(service, changed)] })
      yield* write({ instances: [instance(service)] })
      yield* say({ ...at(7), ...applied })
      yield* say({ ...at(3), epoch, ...rejected, sentAt: 5_500 })
      assert.deepStrictEqual(yield* factsOf(service), [`sent 3 of ${epoch}`, "applied 7", `rejected 3 of ${epoch}`])
      yield* say({ ...at(9), ...rejected, sentAt: 9_000, answeredAt: 9_500 }) // late, of the lost one
      assert.deepStrictEqual(yield* factsOf(service), [`sent 3 of ${epoch}`, "applied 7", `rejected 3 of ${epoch}`])
      yield* say({ ...at(4), epoch, ...applied })
      yield* say({ ...at(8), ...applied, answeredAt: 9_900 })
      assert.deepStrictEqual(yield* factsOf(service), [`sent 3 of ${epoch}`, `applied 4 of ${epoch}`])
    }))

  test("FC2 a client that comes back without a key, or without any, has left what it applied", () =>
    Effect.gen(function* () {
      const service = fresh("left")
      yield* write({
        instances: [instance(service)],
        deliveries: ["svc", "svc.b", "svc.c"].map((key) => delivery(service, { key, ...applied }))
      })
      yield* write({
        instances: [instance(service, { session: "r1/2" })],
        deliveries: [delivery(service, { session: "r1/2", lacks: true })]
      })
      assert.deepStrictEqual(yield* factsOf(service), ["sent 1"])
      assert.deepStrictEqual(yield* factsOf(service, "svc.b"), ["applied 1"])
      yield* write({ deliveries: [delivery(service, { session: "r1/2", ...applied })] })
      assert.deepStrictEqual(yield* factsOf(service), ["sent 1", "applied 1"])
      yield* write({
        instances: [instance(service, { session: "r1/3", empty: true })],
        deliveries: [delivery(service, { session: "r1/3", key: "svc.b", ...applied })]
      })
      assert.deepStrictEqual(yield* factsOf(service), ["sent 1"])
      assert.deepStrictEqual(yield* factsOf(service, "svc.b"), ["applied 1"])
    }))

  const held = (service: string, session: string, versions: Readonly<Record<string, number>>): HeldRow => ({
    environment: "production",
    service,
    instance: "i1",
    session,
    epoch: "e",
    at: 7_000,
    keys: Object.entries(versions).map(([key, version]) => ({ key, ...at(version) }))
  })

  test("what a client holds when it connects is what it applied, and nothing that it was sent", () =>
    Effect.gen(function* () {
      const service = fresh("held")
      yield* write({
        instances: [instance(service)],
        deliveries: [delivery(service), delivery(service, { key: "svc.b", ...rejected })],
        held: [held(service, "r1/1", { svc: 1, "svc.new": 2 })]
      })
      assert.deepStrictEqual(yield* factsOf(service), ["sent 1", "applied 1"])
      assert.deepStrictEqual(yield* factsOf(service, "svc.new"), ["applied 2"])
      assert.deepStrictEqual(yield* factsOf(service, "svc.b"), ["rejected 1"])
      yield* write({
        instances: [instance(service, { session: "r1/2", empty: true })],
        held: [held(service, "r1/1", { svc: 3 })]
      })
      assert.deepStrictEqual(yield* factsOf(service), ["sent 1"])
      yield* write({ held: [held(service, "r1/2", { svc: 1 })] })
      assert.deepStrictEqual(yield* factsOf(service), ["sent 1", "applied 1"])
    }))

  test("NO1 what a session says of its keys counts only while it has the instance", () =>
    Effect.gen(function* () {
      const service = fresh("replaced")
      yield* write({ instances: [instance(service)] })
      yield* write({ instances: [instance(service, { session: "r2/1" })] })
      yield* write({ deliveries: [delivery(service, applied)], held: [held(service, "r1/1", { "svc.b": 1 })] })
      assert.deepStrictEqual(yield* factsOf(service), [])
      assert.deepStrictEqual(yield* factsOf(service, "svc.b"), [])
      yield* write({ deliveries: [delivery(service, { session: "r2/1", ...applied })] })
      assert.deepStrictEqual(yield* factsOf(service), ["applied 1"])
    }))

  test("S4 NO1 of two sessions of one node the later one counts, though it was over before it was written", () =>
    Effect.gen(function* () {
      const service = fresh("short")
      const over = { state: "disconnected", ending: "Closed" } as const
      yield* write({ instances: [instance(service, { session: "r1/9" })] })
      yield* write({ instances: [instance(service, { session: "r1/10", ...over })] })
      assert.deepInclude((yield* list({ service }))[0], { ...over, session: "r1/10" })
      yield* write({ instances: [instance(service, { session: "r1/9", opening: false })] })
      yield* write({ instances: [instance(service, { session: "r1/8" })] })
      assert.deepInclude((yield* list({ service }))[0], { ...over, session: "r1/10" })
    }))

  test("FC1 FC3 whatever is heard in whatever order and batches, the report is what the table of Facts.ts says", () =>
    Effect.gen(function* () {
      const { epoch: present } = yield* Effect.flatMap(RevisionLog, (log) => log.head)
      const one = <A>(of: ReadonlyArray<A>) => Effect.map(Random.nextIntBetween(0, of.length - 1), (i) => of[i]!)
      for (let round = 0; round < 40; round++) {
        const service = fresh("random")
        yield* write({ instances: [instance(service)] })
        let expected = unheard
        const rows: Array<DeliveryRow> = []
        for (let n = 0; n < 8; n++) {
          const state = yield* one(["sent", "applied", "rejected", "problem"] as const)
          const epoch = yield* one(["former", present])
          const version = yield* one([1, 2, 3])
          const time = 1_000 + (yield* one([1, 2, 3, 4, 5, 6, 7, 8, 9])) * 10 + n / 10
          const lacks = state === "sent" && (yield* one([true, false, false]))
          const said = state === "sent" ? { sentAt: Math.floor(time) } : { sentAt: 0, answeredAt: Math.floor(time) }
          const reason = state === "rejected" || state === "problem" ? `why ${n}` : ""
          // What is said of one commit at the same millisecond has no order: such a row is left out.
          const clash = rows.some(
            (row) =>
              row.epoch === epoch && row.version === version && (row.sentAt || row.answeredAt) === Math.floor(time)
          )
          if (clash || rows.some((row) => row.epoch === epoch && row.version === version && row.state === state))
            continue
          rows.push(delivery(service, { state, epoch, ...at(version), lacks, reason, ...said }))
          const fact = { epoch, ...at(version), at: Math.floor(time), reason }
          const heard: Heard = { ...fact, what: state, lacks, life: 1, version: state === "problem" ? 0 : version }
          expected = hear(expected, heard, present)
        }
        const written = rows.map((row) => (row.state === "problem" ? { ...row, version: 0 } : row))
        const shuffled = yield* Random.shuffle(written)
        const cut = yield* one([1, 2, 3, 4])
        const batches = [shuffled.slice(0, cut), shuffled.slice(cut), yield* one([shuffled.slice(0, cut), []])]
        for (const deliveries of batches) if (deliveries.length > 0) yield* write({ deliveries })
        const [row] = yield* list({ service })

        const { key, ...known } = row?.keys[0] ?? { key: "" }
        assert.deepStrictEqual(
          rows.length === 0 ? {} : { ...known },
          rows.length === 0 ? {} : { ...shown(expected, 0, present) },
          JSON.stringify(shuffled, (_, v) => (typeof v === "bigint" ? String(v) : v))
        )
      }
    }))

  const run = (name: string, timeoutMillis = 60_000) => ({ run: name, node: name, timeoutMillis })
  const noteOf = (service: string, session: string, changed: Partial<InstanceNote> = {}) =>
    instance(service, { session, node: session.split("/")[0]!, ...changed })
  const put = (...instances: ReadonlyArray<InstanceNote>) => write({ instances })
  const stateOf = (service: string) => Effect.map(list({ service }), ([row]) => [row?.state, row?.node])
  const gone = { state: "disconnected", ending: "Closed", lastSeen: 90_000, opening: false } as const

  test("OW1 OW2 a connected instance stays with its owner, whoever else opens, answers or reports, and the other is told", () =>
    Effect.gen(function* () {
      const service = fresh("owned")
      const ours = noteOf(service, `${fresh("a")}/1`, { owner: "a" })
      const theirs = noteOf(service, `${fresh("b")}/1`, { owner: "b", labels: { forged: "1" } })
      const report = {
        environment: "production",
        service,
        instance: "i1",
        epoch: "",
        revision: 0n,
        metrics: {}
      } as const
      assert.deepStrictEqual(yield* put(ours), [])
      assert.deepStrictEqual(yield* put(theirs), [theirs.session])
      assert.deepStrictEqual(yield* put(theirs), [theirs.session]) // a batch that is written twice
      assert.deepStrictEqual(yield* put({ ...theirs, opening: false }), [theirs.session])
      yield* write({
        deliveries: [delivery(service, { session: theirs.session, ...rejected })],
        held: [held(service, theirs.session, { "svc.b": 1 })],
        health: [
          { ...report, health: "healthy", message: "mine", owner: "a", reportedAt: 1 },
          { ...report, health: "unhealthy", message: "forged", owner: "b", reportedAt: 2 }
        ]
      })
      yield* put({ ...theirs, ...gone })
      const [row] = yield* list({ service })
      assert.deepInclude(row, {
        owner: "a",
        session: ours.session,
        state: "connected",
        labels: { region: "eu" },
        keys: []
      })
      assert.deepInclude(row?.health, { message: "mine" })

      yield* put({ ...ours, ...gone })
      assert.deepStrictEqual(yield* put(theirs), []) // free at once
      assert.deepInclude((yield* list({ service }))[0], { owner: "b", session: theirs.session, state: "connected" })
      assert.deepStrictEqual(yield* put({ ...ours, opening: false }), [ours.session])
    }))

  test("OW3 the same owner takes its instance over at once, and what is shared anyone does", () =>
    Effect.gen(function* () {
      for (const [first, second] of [
        ["a", "a"],
        ["", "b"],
        ["b", ""]
      ] as const) {
        const service = fresh("shared")
        const [one, two] = [fresh("n"), fresh("n")]
        yield* put(noteOf(service, `${one}/1`, { owner: first }))
        assert.deepStrictEqual(yield* put(noteOf(service, `${two}/1`, { owner: second })), [])
        assert.deepInclude((yield* list({ service }))[0], { owner: second, session: `${two}/1` })
      }
    }))

  test("OW2 a node is told whose an instance is that another run took after it was taken for lost", () =>
    Effect.gen(function* () {
      const store = yield* InstanceStore
      const [service, a, b] = [fresh("lost"), fresh("a"), fresh("b")]
      yield* put(noteOf(service, `${a}/1`, { owner: "a" }))
      yield* store.seen(run(b))
      yield* put(noteOf(service, `${a}/1`, { owner: "a", opening: false, state: "timed_out", ending: "NodeLost" }))
      assert.deepStrictEqual(yield* put(noteOf(service, `${b}/1`, { owner: "b" })), [])
      assert.deepStrictEqual((yield* store.seen(run(a))).taken, [{ session: `${a}/1`, owner: "b" }])
    }))

  test("OW2 of two nodes that give an instance to two principals at the same moment one wins, and the other is told", () =>
    Effect.gen(function* () {
      for (let round = 0; round < 20; round++) {
        const service = fresh("race")
        const notes = ["a", "b"].map((owner) => noteOf(service, `${fresh(owner)}/1`, { owner }))
        const refused = (yield* Effect.all(
          notes.map((note) => put(note)),
          { concurrency: "unbounded" }
        )).flat()
        const [row] = yield* list({ service })
        const lost = notes.filter(({ owner }) => owner !== row?.owner).map(({ session }) => session)
        assert.deepStrictEqual(refused, lost)
        assert.strictEqual(notes.find(({ owner }) => owner === row?.owner)?.session, row?.session)
      }
    }))

  test("NO1 what a node says late of an instance that another node took is not kept, whatever the clocks say", () =>
    Effect.gen(function* () {
      const store = yield* InstanceStore
      const [service, a, b] = [fresh("moved"), fresh("a"), fresh("b")]
      yield* Effect.all([store.seen(run(a)), store.seen(run(b))])
      yield* put(noteOf(service, `${a}/1`, { connectedAt: 80_000, lastSeen: 80_000 }))
      yield* put(noteOf(service, `${b}/1`))
      assert.deepStrictEqual(yield* stateOf(service), ["connected", b])
      assert.deepStrictEqual((yield* store.seen(run(a))).taken, [{ session: `${a}/1`, owner: "" }])
      assert.deepStrictEqual((yield* store.seen(run(b))).taken, [])

      yield* put(noteOf(service, `${a}/1`, { opening: false, lastSeen: 90_000 }))
      yield* put(noteOf(service, `${a}/1`, { lastSeen: 90_000 })) // a first note that was written twice
      yield* put(noteOf(service, `${a}/1`, gone))
      assert.deepStrictEqual(yield* stateOf(service), ["connected", b])
      yield* put(noteOf(service, `${b}/1`, gone))
      assert.deepStrictEqual(yield* stateOf(service), ["disconnected", b])
      yield* put(noteOf(service, `${a}/1`, { opening: false, lastSeen: 95_000 }))
      assert.deepStrictEqual(yield* stateOf(service), ["disconnected", b])
      yield* put(noteOf(service, `${a}/2`, { lastSeen: 10 }))
      assert.deepStrictEqual(yield* stateOf(service), ["connected", a])
    }))

  test("HR1 the newest that an instance says is known, however many revisions it named before and after", () =>
    Effect.gen(function* () {
      const service = fresh("health")
      const report = (revision: bigint, reportedAt: number) => ({
        ...{ environment: "production", service, instance: "i1", epoch: "", metrics: {}, owner: "" },
        ...{ revision, health: "healthy" as const, message: `${revision}`, reportedAt }
      })
      yield* write({ instances: [instance(service)] })
      yield* write({ health: Array.from({ length: 150 }, (_, n) => report(BigInt(n + 10), n)) })
      yield* write({ health: [report(1n, 1_000)] })
      yield* write({ health: [report(200n, 999)] })
      const [row] = yield* list({ service })
      assert.deepInclude(row?.health, { revision: 1n, message: "1" })
    }))

  test("NO2 NO3 the instances of a node that died are lost, and only a node that was there all the time says so", () =>
    Effect.gen(function* () {
      const store = yield* InstanceStore
      const [service, dead, alive] = [fresh("lost"), fresh("dead"), fresh("alive")]
      const short = 300
      yield* Effect.all([store.seen(run(dead, short)), put(noteOf(service, `${dead}/1`))])
      yield* Effect.sleep(2 * short)
      yield* store.seen(run(alive, short)) // it has only just come
      const leases = yield* Leases
      const judge = Effect.flatMap(leases.claim("lost-nodes", alive, 60_000), (lease) =>
        store.lose(lease!, 60_000, short)
      )
      assert.strictEqual(yield* judge, 0)
      assert.deepStrictEqual(yield* stateOf(service), ["connected", dead])
      const marked = yield* Effect.sleep(short / 3).pipe(
        Effect.andThen(store.seen(run(alive, short))),
        Effect.andThen(judge),
        Effect.repeat({ until: (n) => n !== 0, times: 100 })
      )
      assert.isAtLeast(marked!, 1)
      assert.deepStrictEqual(yield* stateOf(service), ["timed_out", dead])

      assert.deepStrictEqual((yield* store.seen(run(dead, short))).doubted, [`${dead}/1`])
      yield* put(noteOf(service, `${dead}/1`, { opening: false }))
      assert.deepStrictEqual(yield* stateOf(service), ["connected", dead])
    }))

  test("NO4 the connected clients of other runs are known, with what they want", () =>
    Effect.gen(function* () {
      const store = yield* InstanceStore
      const [service, a, b] = [fresh("elsewhere"), fresh("a"), fresh("b")]
      const environment = fresh("env")
      yield* put(
        noteOf(service, `${a}/1`, { environment }),
        noteOf(service, `${b}/1`, { environment, instance: "i2" }),
        noteOf(service, `${b}/2`, { environment, instance: "i3", ...gone, opening: true })
      )
      const found = yield* store.elsewhere({ environment, run: a, limit: 10 })

      assert.deepStrictEqual(found, [
        { client: { environment, service, instance: "i2", labels: { region: "eu" } }, patterns: ["svc", "svc.*"] }
      ])
    }))
}
