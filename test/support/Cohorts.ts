/** Sessions of clients in and out of a cohort, and what they are told, in words. */
import { it } from "@effect/vitest"
import { Clock, Context, Effect, Latch, Layer } from "effect"
import * as Memory from "../../layers/Memory/Memory.ts"
import { State } from "../../layers/Memory/State.ts"
import { Access } from "../../src/access/Access.ts"
import { Commits } from "../../src/commits/Commits.ts"
import type { Wish } from "../../src/commits/Release.ts"
import { configurationUpdates } from "../../src/configuration/ConfigurationUpdates.ts"
import type { ConfigurationWish } from "../../src/configuration/Wish.ts"
import type { HeraldError } from "../../src/errors/HeraldError.ts"
import type { FlagWish } from "../../src/flags/FeatureFlag.ts"
import { Flags } from "../../src/flags/Flags.ts"
import { flagUpdates } from "../../src/flags/FlagUpdates.ts"
import { Clients } from "../../src/fleet/Clients.ts"
import { Propagation } from "../../src/propagation/Propagation.ts"
import type { Change } from "../../src/propagation/Revision.ts"
import * as CandidatesOf from "../../src/rollouts/CandidatesOf.ts"
import { bucketOf } from "../../src/rollouts/Cohort.ts"
import type { State as Is } from "../../src/rollouts/Rollout.ts"
import { RolloutStore } from "../../src/rollouts/RolloutStore.ts"
import type { CandidateWish, MoveWish, StartWish } from "../../src/rollouts/Wish.ts"
import type { Session } from "../../src/sessions/Session.ts"
import { Sessions } from "../../src/sessions/Sessions.ts"
import * as Sources from "../../src/updates/Sources.ts"
import { settle } from "./Clock.ts"
import { FakeSink } from "./FakeSink.ts"
import { change, release } from "./Release.ts"
import { plan, stage } from "./Rollouts.ts"
import { subscription } from "./Subscription.ts"
import { below, propagation, type Stores, sessions } from "./Twins.ts"
import { turn } from "./turn.ts"

export const HALF = 2 ** 31
export const ALL = 2 ** 32
export const SALT = "salt"
/** Names of instances by their buckets. */
const named = (is: (bucket: number) => boolean, but: ReadonlyArray<string> = []): string =>
  Array.from({ length: 1_000 }, (_, n) => `web-${n}`).find((one) => is(bucketOf(SALT, one)) && !but.includes(one))!
export const IN = named((bucket) => bucket < HALF / 2)
export const LATER = named((bucket) => bucket >= HALF / 2 && bucket < HALF)
export const OUT = named((bucket) => bucket >= HALF)

/** How candidates are read: how often, whether they can be, and when. */
export class Reads extends Context.Service<
  Reads,
  { count: number; failure: HeraldError | undefined; readonly gate: Latch.Latch }
>()("test/Reads") {}

const counted = Layer.effect(
  RolloutStore,
  Effect.gen(function* () {
    const store = yield* RolloutStore
    const reads = yield* Reads
    return RolloutStore.of({
      ...store,
      candidate: (...of) =>
        Effect.suspend(() => {
          reads.count++
          const found = reads.failure === undefined ? store.candidate(...of) : Effect.fail(reads.failure)
          return Effect.andThen(reads.gate.await, found)
        })
    })
  })
)

/** A node on a database that a test holds, which may fail. */
export const nodeOn = (state: State, memory: Layer.Layer<Stores> = Memory.layerOn(state)) => {
  const reads = Layer.sync(Reads, () => ({ count: 0, failure: undefined, gate: Latch.makeUnsafe(true) }))
  const held = Layer.succeed(State.service, state)
  const stores = counted.pipe(Layer.provideMerge(Layer.mergeAll(memory, held, reads)))
  const access = Layer.mock(Access, { stillValid: () => Effect.succeed(true) })
  const sources = Sources.layer(configurationUpdates, flagUpdates).pipe(Layer.provideMerge(CandidatesOf.layer))
  return Layer.merge(Flags.layer, Clients.layer).pipe(
    Layer.provideMerge(sessions({}, sources)),
    Layer.provideMerge(propagation()),
    Layer.provideMerge(Layer.merge(below(stores), access))
  )
}

const layer = Layer.unwrap(Effect.sync(() => nodeOn(new State())))

/** On a node that has the time of this machine, too. */
const settled = Effect.flatMap(Clock.Clock, (clock) => ("adjust" in clock ? settle : Effect.promise(turn)))

export const commit = Effect.fnUntraced(function* (...changes: ReadonlyArray<Wish>) {
  const { revision } = yield* (yield* Commits).commit<Change>({ ...release([]), changes })
  yield* (yield* Propagation).hint(revision)
  yield* settled
  return revision
})

/** What begins a rollout of what it says of each key. */
export const started = (
  of: Readonly<Record<string, string | ConfigurationWish | FlagWish>>,
  more: Partial<Pick<StartWish, "plan" | "salt">> = {}
): StartWish => ({
  kind: "rollout",
  op: "start",
  environment: "production",
  key: "",
  plan: plan({ stages: Array.from({ length: 10 }, () => stage(100)) }),
  salt: SALT,
  at: null,
  candidates: Object.entries(of).map(([name, text]): CandidateWish => {
    const wish = typeof text === "string" ? change(name, text) : text
    const { kind, key, digest } = wish
    const [strict, template] = wish.kind === "flag" ? [false, false] : [wish.strict, wish.template]
    return { kind, key, digest, strict, template, base: undefined, wish: JSON.stringify(wish), bytes: 10 }
  }),
  why: { text: "", readings: [] },
  ...more
})

/** Begins a rollout; `below`: its first stage, too. Returns its key. */
export const begin = Effect.fnUntraced(function* (
  of: Parameters<typeof started>[0],
  below?: number,
  more: Parameters<typeof started>[1] = {}
) {
  const { revision } = yield* commit(started(of, more))
  const key = `r${revision}`
  if (below !== undefined) yield* move(key, "deploying", below)
  return key
})

/** The next transition; with a bound the next stage begins, and with its completion its candidates are what is current. */
export const moved = Effect.fnUntraced(function* (key: string, to: Is, below: number | null = null) {
  const store = yield* RolloutStore
  const rollout = (yield* store.find("production", key))!
  const wish: MoveWish = {
    kind: "rollout",
    op: "move",
    environment: "production",
    key,
    expectedVersion: rollout.version,
    fence: null,
    to,
    stage: below === null ? rollout.stage : rollout.stage + 1,
    below,
    lasts: null,
    due: false,
    bad: null,
    why: { text: "", readings: [] }
  }
  if (to !== "completed") return [wish]
  const candidates = yield* Effect.forEach(rollout.targets, (target) =>
    Effect.map(store.candidate("production", key, target), (text) => ({
      ...(JSON.parse(text!) as Wish),
      candidate: target.version
    }))
  )
  return [wish, ...candidates]
})
export const move = (key: string, to: Is, below?: number) =>
  Effect.flatMap(moved(key, to, below), (wishes) => commit(...wishes))

export class Client {
  readonly sink: FakeSink
  readonly session: Session
  readonly #answered = new Set<unknown>()

  constructor(session: Session, sink: FakeSink) {
    this.session = session
    this.sink = sink
  }
  get told(): ReadonlyArray<string> {
    return this.sink.got.flatMap((update) => {
      if (update.kind === "problem") return [`${update.key} problem ${update.message}`]
      if (update.kind !== "value" && update.kind !== "deleted") return []
      const { key, kind, version, revision, content, delta } = update
      return [`${key} ${kind === "value" ? `${content} v${version}` : kind} @${revision}${delta ? " patched" : ""}`]
    })
  }
  get held() {
    return [...new Map(this.sink.values.map((one) => [one.key, one])).values()].map(
      ({ key, kind, digest, revision }) => [key, kind === "value" ? digest : "", revision] as const
    )
  }
  /** Answers all that it was told and did not answer. */
  answer(sessions: Sessions["Service"], applied = true): void {
    for (const update of this.sink.values) {
      if (this.#answered.has(update)) continue
      this.#answered.add(update)
      const { key, revision, epoch } = update
      sessions.heard(this.session, [{ key, revision, epoch, applied, reason: applied ? "" : "no" }])
    }
  }
}

export const connect = Effect.fnUntraced(function* (
  instance: string,
  options: Parameters<typeof subscription>[0] & { readonly labels?: Record<string, string> } = {}
) {
  const all = yield* Sessions
  const { labels = {}, ...rest } = options
  const client = { environment: "production", service: "svc", instance, labels }
  const sink = new FakeSink()
  const session = yield* all.open(subscription({ client, acceptsDelta: true, ...rest }), sink)
  yield* settle
  return new Client(session, sink)
})
export const again = (instance: string, before: Client, labels: Record<string, string> = {}) =>
  Effect.flatMap(Propagation, (propagation) =>
    connect(instance, { held: before.held, position: propagation.position(), labels })
  )
export const answered = Effect.fnUntraced(function* (...clients: ReadonlyArray<Client>) {
  const all = yield* Sessions
  for (const client of clients) client.answer(all)
})
export const test = (name: string, body: Effect.Effect<void, unknown, Layer.Success<typeof layer>>) =>
  it.effect(name, () => body.pipe(Effect.provide(layer)))
