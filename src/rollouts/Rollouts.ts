/**
 * Use cases on rollouts. Every method checks `CurrentIdentity` for the environment that it touches: who may publish there may begin, move and end one.
 *
 *   XR3  What is asked for by a file is begun once: the same again is answered with what became of it, and changes nothing.
 *   XR5  A rollout is there for whoever may touch rollouts of its keys, and each of these keys: who may not can't begin, move or see it.
 *   XR4  Whoever waits for news of one costs a look at what changed, not a read of its instances; all who wait look together, and they are `WAITING` at
 *        most, of one principal four fifths.
 */
import { Clock, Context, Effect, Layer } from "effect"
import { touchesAll, touchScope } from "../access/About.ts"
import { requirePermission } from "../access/Access.ts"
import { Places } from "../access/Places.ts"
import { makeCommitting } from "../commits/Committing.ts"
import type { Committed } from "../commits/Release.ts"
import type { CommitOptions } from "../commits/Request.ts"
import type { Configurations } from "../configuration/Configurations.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import type { FlagValidated } from "../flags/FlagDraft.ts"
import { targetProblem } from "../keys/Target.ts"
import type { Plan } from "../plans/Plan.ts"
import { stageText } from "../plans/ReadStages.ts"
import { canonical } from "../values/Canonical.ts"
import { makeBound } from "./Bound.ts"
import { type Asked, isId, makeByHand, unknown } from "./ByHand.ts"
import { makeDrafting } from "./Drafting.ts"
import type { Condition } from "./Evidence.ts"
import { type Connected, EvidenceStore, type Sighted } from "./EvidenceStore.ts"
import { inRollout } from "./Limits.ts"
import { type Look, makeLooking, seenOf } from "./Looking.ts"
import { aboutsOfTargets, isOver, type Rollout, type State, type Target } from "./Rollout.ts"
import { RolloutStore } from "./RolloutStore.ts"
import { RolloutView } from "./RolloutView.ts"
import { type Reach, targetsOf, toldOf, type Wanted } from "./Wanted.ts"

/** What would become of it. */
export interface Preview {
  readonly plan: Plan
  readonly changes: Effect.Success<ReturnType<Configurations["Service"]["validate"]>>
  readonly flags: ReadonlyArray<FlagValidated>
  /** By stage. */
  readonly reach: ReadonlyArray<Reach>
}

export interface Started {
  readonly rollout: Rollout
  /** Nothing was written: it had begun before, by the same idempotency key or the same file. */
  readonly replayed: boolean
}

export class Rollouts extends Context.Service<
  Rollouts,
  {
    /**
     * Begins one, or schedules it. Fails `InvalidPlan`, `NotFound` for a plan or a version that is not there, `InRollout` for what another one changes,
     * `ScheduleTime`, `InvalidInput` for what can't be rolled out, and as a publish of each change. XR1, XR2
     */
    readonly start: (wanted: Wanted, options: CommitOptions) => Effect.Effect<Started, HeraldError>
    /**
     * The same for a file, which `wanted.file` names: once. Fails `RolloutDiffers` where another content of that name is under way. XR3
     */
    readonly apply: (wanted: Wanted, options: CommitOptions) => Effect.Effect<Started, HeraldError>
    /** The same without writing. Fails as `start`, but for what only the store can tell. */
    readonly validate: (wanted: Wanted, breakGlass?: string | undefined) => Effect.Effect<Preview, HeraldError>
    /** Fails `NotFound`. */
    readonly get: (environment: string, key: string) => Effect.Effect<Look, HeraldError>
    /** The same, when there is something new since `seen`, or after `millis`. Fails `ServerFull`, `TooManySubscriptions` besides. XR4 */
    readonly news: (environment: string, key: string, seen: string, millis: number) => Effect.Effect<Look, HeraldError>
    /** Newest first: one page (PB1), behind the rollout `before` ("": the first). */
    readonly list: (
      environment: string,
      options: {
        readonly limit: number
        readonly before: string
        readonly state: State | "active" | undefined
        readonly touching: Pick<Target, "kind" | "key"> | undefined
      }
    ) => Effect.Effect<ReadonlyArray<Rollout>, HeraldError>
    /** Its transitions, oldest first, behind the version `after`: one page (PB1). Fails `NotFound`. */
    readonly history: (
      environment: string,
      key: string,
      options: { readonly limit: number; readonly after: number }
    ) => Effect.Effect<ReadonlyArray<Rollout>, HeraldError>
    /** Those of its cohort, as they are known: one page (PB1), behind `after`. Fails `NotFound`. */
    readonly instances: (
      environment: string,
      key: string,
      options: {
        readonly limit: number
        readonly after: Pick<Sighted, "service" | "instance"> | undefined
        readonly is: Condition | undefined
      }
    ) => Effect.Effect<ReadonlyArray<Sighted>, HeraldError>
    /** What a person asks for. Fails `NotFound`, `RolloutState` where it can't be done, and as `Commits.commit`. */
    readonly move: (
      environment: string,
      key: string,
      asked: Asked,
      options: CommitOptions
    ) => Effect.Effect<Started, HeraldError>
  }
>()("herald/rollouts/Rollouts") {
  static readonly layer = Layer.effect(
    Rollouts,
    Effect.suspend(() => make)
  )
}

/** Newest ones of what a file changes, among which the one that it began is looked for. */
const BEFORE = 100
/** Instances of one question. */
const PAGE = 1_000
/** Between two looks of whoever waits. */
const AGAIN = "400 millis"
/** For so long what one found is what the others find. XR4 */
const TOGETHER = "200 millis"
/** On one node. XR4 */
const WAITING = 1_000

const make = Effect.gen(function* () {
  const store = yield* RolloutStore
  const view = yield* RolloutView
  const evidenceStore = yield* EvidenceStore
  const { permit, planIn, drafted, compared, asRequired } = yield* makeDrafting
  const commit = yield* makeCommitting
  const moving = yield* makeByHand
  const look = yield* makeLooking

  const begun = ({ revision: { changes }, replayed }: Committed) => {
    const rollout = changes.find((change): change is Rollout => change.kind === "rollout")
    return rollout === undefined
      ? failure("IdempotencyConflict", "the key was used for a commit that began or moved no rollout")
      : Effect.succeed<Started>({ rollout, replayed })
  }

  /** XR5 */
  const find = Effect.fnUntraced(function* (environment: string, key: string) {
    const identity = yield* requirePermission("config.read", environment, { kind: "rollout" })
    const found = yield* store.find(environment, key)
    if (found !== undefined && touchesAll(identity, aboutsOfTargets(found.targets))) return found
    return yield* unknown(environment, key)
  })

  const begin = Effect.fnUntraced(function* (wanted: Wanted, plan: Plan, options: CommitOptions) {
    const identity = yield* permit(wanted)
    yield* asRequired(wanted, plan, options.breakGlass)
    const salt = crypto.randomUUID()
    const { when, environment, ...content } = wanted
    return yield* commit<Rollout>({
      action: "rollout",
      identity,
      options,
      request: { kind: "rollout", environment, when, plan, content: toldOf(content) },
      check: (again) =>
        Effect.map(
          drafted(wanted, plan, { message: options.message, salt, by: identity.name }, again),
          ({ wish, basis }) => ({ changes: [wish], basis, conditional: true }) // XR2
        )
    }).pipe(Effect.flatMap(begun))
  })

  /** The newest that a file of this name began, of what it changes. XR3 */
  const earlier = Effect.fnUntraced(function* (wanted: Wanted) {
    const { environment, file } = wanted
    const [touching] = targetsOf(wanted)
    const scope = touchScope(yield* requirePermission("config.write", environment, { kind: "rollout" }))
    const found = yield* store.list(environment, {
      limit: BEFORE,
      before: undefined,
      state: undefined,
      touching,
      scope
    })
    return found.find(({ plan }) => plan.file?.name === file)
  })

  const reach = Effect.fnUntraced(function* (wanted: Wanted, { stages }: Plan) {
    // Its own salt takes others, and as many.
    const bounds = stages.map((stage) => ({ stage: stageText(stage), bound: makeBound(stage, "") }))
    let page: ReadonlyArray<Connected> = []
    do {
      page = yield* evidenceStore.population(wanted.environment, targetsOf(wanted), {
        limit: PAGE,
        after: page.at(-1)
      })
      for (const { bound } of bounds) for (const one of page) bound.add(one)
      yield* Effect.yieldNow
    } while (page.length > 0)
    return bounds.map(({ stage, bound }): Reach => {
      const { named, within } = bound.fix()
      return { stage, named, within }
    })
  })

  const changes = Effect.orElseSucceed(evidenceStore.changed, () => new Map<string, bigint>())
  const changesForAll = yield* Effect.cachedWithTTL(changes, TOGETHER) // XR4
  const places = new Places([WAITING, 0.8 * WAITING])

  /** A place among those who wait, as long as the scope. XR4 */
  const waits = Effect.fnUntraced(function* (environment: string) {
    const { name } = yield* requirePermission("config.read", environment, { kind: "rollout" })
    const place = places.take("", name)
    if (typeof place === "number")
      return yield* place === 0
        ? failure("ServerFull", `${WAITING} wait for news of rollouts at this server already`)
        : failure("TooManySubscriptions", `${name} waits for news of rollouts as often as one principal may`)
    yield* Effect.addFinalizer(() => Effect.sync(place))
  }, Effect.uninterruptible)

  return Rollouts.of({
    start: Effect.fn("Rollouts.start")(function* (wanted, options) {
      yield* permit(wanted)
      return yield* begin(wanted, yield* planIn(wanted), options)
    }),

    apply: Effect.fn("Rollouts.apply")(function* (wanted, options) {
      yield* permit(wanted)
      const plan = yield* planIn(wanted)
      const before = yield* earlier(wanted)
      if (before === undefined) return yield* begin(wanted, plan, options)
      if (before.plan.file?.digest === plan.file?.digest) return { rollout: before, replayed: true } satisfies Started
      if (isOver(before.state)) return yield* begin(wanted, plan, options)
      const { key, state } = before
      return yield* failure(
        "RolloutDiffers",
        `${wanted.file} began the rollout ${key}, which is ${state}, and has changed since: ${differing(before.plan, plan)}`,
        { details: { key, environment: wanted.environment, state } }
      )
    }),

    validate: Effect.fn("Rollouts.validate")(function* (wanted, breakGlass) {
      yield* permit(wanted)
      const plan = yield* planIn(wanted)
      const before = wanted.file === undefined ? undefined : yield* earlier(wanted)
      // A file that is applied again changes nothing, so nothing is in its way. XR3
      if (before === undefined || before.plan.file?.digest !== plan.file?.digest) {
        yield* asRequired(wanted, plan, breakGlass)
        for (const target of targetsOf(wanted)) {
          const other = view.of(wanted.environment, target)
          if (other !== undefined && !isOver(other.state)) return yield* inRollout(target, other)
        }
        yield* drafted(wanted, plan, { message: "", salt: "", by: "" }, false)
      }
      return { plan, ...(yield* compared(wanted, plan)), reach: yield* reach(wanted, plan) } satisfies Preview
    }),

    get: Effect.fn("Rollouts.get")(function* (environment, key) {
      return yield* look(yield* find(environment, key), yield* changes)
    }),

    news: Effect.fnUntraced(function* (environment, key, seen, millis) {
      yield* waits(environment)
      let rollout = yield* find(environment, key)
      const until = (yield* Clock.currentTimeMillis) + millis
      // XR4
      for (let changed = yield* changesForAll; ; changed = yield* changesForAll) {
        if (seenOf(rollout, changed) !== seen || isOver(rollout.state)) return yield* look(rollout, changed)
        if ((yield* Clock.currentTimeMillis) >= until) return yield* look(rollout, changed)
        yield* Effect.sleep(AGAIN)
        const known = view.find(environment, key)
        if (known === undefined || known.version !== rollout.version) rollout = yield* find(environment, key)
      }
    }, Effect.scoped),

    list: Effect.fn("Rollouts.list")(function* (environment, { before, ...options }) {
      const scope = touchScope(yield* requirePermission("config.read", environment, { kind: "rollout" }))
      const problem = options.touching && targetProblem(environment, options.touching.key)
      if (problem !== undefined) return yield* problem
      const behind = isId(before) ? BigInt(before.slice(1)) : undefined
      return yield* store.list(environment, { ...options, before: behind, scope })
    }),

    history: Effect.fn("Rollouts.history")(function* (environment, key, options) {
      yield* find(environment, key)
      return yield* store.history(environment, key, options)
    }),

    instances: Effect.fn("Rollouts.instances")(function* (environment, key, options) {
      yield* requirePermission("clients.read", environment, { kind: "rollout" })
      yield* find(environment, key)
      return yield* evidenceStore.instances(environment, key, options)
    }),

    move: (environment, key, asked, options) => Effect.flatMap(moving(environment, key, asked, options), begun)
  })
})

/** Members of the plan that are others now; "what it changes" where none is. */
const differing = (before: Plan, now: Plan): string => {
  const names = ([...Object.keys(now), ...Object.keys(before)] as ReadonlyArray<keyof Plan>).filter(
    (name) => name !== "file" && canonical(before[name]) !== canonical(now[name])
  )
  return names.length === 0 ? "what it changes is another" : `other ${[...new Set(names)].join(", ")}`
}
