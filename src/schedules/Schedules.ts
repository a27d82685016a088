/**
 * Use cases on scheduled changes. Every method checks `CurrentIdentity` for the environment that it touches.
 *
 *   SZ1  What is asked for is checked as a publish is, and written as it was asked for; a dry run writes nothing.
 *   SZ3  It is there for whoever may touch all that it is to change.
 *   SZ2  A scheduled change is of one environment, and of any kinds: all of it is made, or nothing.
 */
import { Context, Effect, Layer } from "effect"
import { touchesAll, touchScope } from "../access/About.ts"
import { requirePermission } from "../access/Access.ts"
import { requireLasting } from "../access/Acting.ts"
import type { Identity } from "../access/Identity.ts"
import { ofEveryKey } from "../access/KeyScope.ts"
import { requireEach } from "../access/RequireEach.ts"
import { makeCommitting } from "../commits/Committing.ts"
import type { Committed } from "../commits/Release.ts"
import type { CommitOptions } from "../commits/Request.ts"
import { Configurations } from "../configuration/Configurations.ts"
import { draftsProblem } from "../configuration/Request.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import type { FlagValidated } from "../flags/FlagDraft.ts"
import { Flags } from "../flags/Flags.ts"
import { targetProblem } from "../keys/Target.ts"
import { excerpt } from "../text/Excerpt.ts"
import { Digest } from "../values/Digest.ts"
import { bytesOf } from "../values/Value.ts"
import { bodyOf, type Drafts, draftsOf, kindsOf } from "./Body.ts"
import { aboutsOfTouches, type EndWish, type NewWish, SCHEDULE_BYTES, type Schedule, type State } from "./Schedule.ts"
import { type Held, ScheduleStore } from "./ScheduleStore.ts"
import type { When } from "./When.ts"

export interface Wanted extends Drafts {
  readonly when: When
  /** Made whatever the versions are by then, but for those that a draft names. DU3 */
  readonly evenIfChanged: boolean
}

/** What would become of it now. */
export interface Preview {
  readonly changes: Effect.Success<ReturnType<Configurations["Service"]["validate"]>>
  readonly flags: ReadonlyArray<FlagValidated>
}

export class Schedules extends Context.Service<
  Schedules,
  {
    /** Fails `ScheduleTime`, `SchedulesFull`, `TooLarge`, `InvalidInput` for several environments, and as a publish of what it is to do. SZ1 */
    readonly make: (wanted: Wanted, options: CommitOptions) => Effect.Effect<Committed<Schedule>, HeraldError>
    /** The same without writing. Fails as `make`, but for what only the store can tell. */
    readonly validate: (wanted: Wanted) => Effect.Effect<Preview, HeraldError>
    /** What it would do now. Fails `NotFound`, `ScheduleOver`, and as a publish of what it is to do. */
    readonly preview: (environment: string, key: string) => Effect.Effect<Preview, HeraldError>
    /** Fails `NotFound`. */
    readonly get: (environment: string, key: string) => Effect.Effect<Held, HeraldError>
    /** In the order in which they were made: one page (PB1), behind `after`. */
    readonly list: (
      environment: string,
      options: {
        readonly limit: number
        /** A key; "" for the first page. */
        readonly after: string
        readonly state: State | undefined
        readonly touching: { readonly kind: string; readonly key: string } | undefined
      }
    ) => Effect.Effect<ReadonlyArray<Schedule>, HeraldError>
    /** Fails `NotFound`, `ScheduleOver` when it is over, and as `Commits.commit`. */
    readonly cancel: (
      environment: string,
      key: string,
      options: CommitOptions
    ) => Effect.Effect<Committed<Schedule>, HeraldError>
  }
>()("herald/schedules/Schedules") {
  static readonly layer = Layer.effect(
    Schedules,
    Effect.suspend(() => make)
  )
}

/** As stores give them. */
const isId = (key: string): boolean => /^s\d{1,18}$/.test(key)

/** Whoever only asks need not say why. */
const SAID = "a dry run"

const make = Effect.gen(function* () {
  const store = yield* ScheduleStore
  const configurations = yield* Configurations
  const flags = yield* Flags
  const digestOf = yield* Digest
  const commit = yield* makeCommitting

  /** SZ2 */
  const permit = Effect.fnUntraced(function* (wanted: Drafts) {
    const environments = new Set(kindsOf(wanted).map(({ draft }) => draft.environment))
    const [environment, other] = environments
    if (environment === undefined) return yield* failure("NothingChanged", "nothing is to be changed then")
    const touched = (one: string) =>
      aboutsOfTouches(
        kindsOf(wanted).flatMap(({ kind, draft }) => (draft.environment === one ? { kind, key: draft.key } : []))
      )
    let identity = yield* requireEach("config.write", environment, touched(environment)) // SZ3
    for (const one of environments) identity = yield* requireEach("config.write", one, touched(one))
    if (other !== undefined) {
      return yield* failure(
        "InvalidInput",
        `a scheduled change is of one environment, not of ${environment} and ${other}; schedule one for each`
      )
    }
    yield* requireLasting(identity) // SY1
    return { identity, environment }
  })

  /** `later`: not now, so that it does not count whether a flag to be archived is evaluated now. */
  const tried = Effect.fnUntraced(function* ({ changes, flags: drafts }: Drafts, message: string, later: boolean) {
    const beside = drafts.length === 0 ? undefined : yield* flags.beside(drafts)
    const problem = beside?.problem?.(message) ?? draftsProblem(changes, beside)
    if (problem !== undefined) return yield* problem
    return {
      changes: changes.length === 0 ? [] : yield* configurations.validate(changes),
      flags:
        drafts.length === 0
          ? []
          : yield* flags.validate(later ? drafts.map((draft) => ({ ...draft, force: true })) : drafts)
    } satisfies Preview
  })

  const wishOf = Effect.fnUntraced(function* ({ when, evenIfChanged, ...drafts }: Wanted, environment: string) {
    const body = bodyOf(drafts)
    const bytes = bytesOf(body)
    if (bytes > SCHEDULE_BYTES) {
      return yield* failure(
        "TooLarge",
        `the scheduled change has ${bytes} bytes; at most ${SCHEDULE_BYTES} are allowed`
      )
    }
    const wish: NewWish = {
      kind: "schedule",
      environment,
      key: "",
      state: "pending",
      ...when,
      touches: kindsOf(drafts).map(({ kind, draft: { key, expectedVersion } }) => ({
        kind,
        key,
        expected: expectedVersion ?? (evenIfChanged ? null : "current") // DU3
      })),
      body,
      digest: digestOf(body),
      bytes
    }
    return wish
  })

  const unknown = (environment: string, key: string) =>
    failure(
      "NotFound",
      `there is no scheduled change ${isId(key) ? key : excerpt(key)} in ${environment}; see herald schedule list`
    )

  /** SZ3 */
  const found = Effect.fnUntraced(function* (identity: Identity, environment: string, key: string) {
    const held = isId(key) ? yield* store.find(environment, key) : undefined
    if (held !== undefined && touchesAll(identity, aboutsOfTouches(held.schedule.touches))) return held
    return yield* unknown(environment, key)
  })

  const get = Effect.fn("Schedules.get")(function* (environment: string, key: string) {
    const identity = yield* requirePermission("config.read", environment, "some")
    return yield* found(identity, environment, key)
  })

  return Schedules.of({
    make: Effect.fn("Schedules.make")(function* (wanted, options) {
      const { identity, environment } = yield* permit(wanted)
      const wish = yield* wishOf(wanted, environment)
      const { when, evenIfChanged } = wanted
      const { touches, digest } = wish
      return yield* commit<Schedule>({
        action: "schedule",
        identity,
        options,
        request: { kind: "schedule", environment, when, evenIfChanged, touches, digest },
        check: () => Effect.as(tried(wanted, options.message, true), { changes: [wish] }) // SZ1
      })
    }),

    validate: Effect.fn("Schedules.validate")(function* (wanted) {
      const { environment } = yield* permit(wanted)
      yield* wishOf(wanted, environment)
      return yield* tried(wanted, SAID, true)
    }),

    preview: Effect.fn("Schedules.preview")(function* (environment, key) {
      const { schedule, expected, body } = yield* get(environment, key)
      if (schedule.state === "pending")
        return yield* tried(draftsOf(body, environment, expected), schedule.message, false)
      return yield* failure(
        "ScheduleOver",
        `the scheduled change ${key} in ${environment} is over: it was ${schedule.state}`,
        { details: { key, environment, state: schedule.state } }
      )
    }),

    get,

    list: Effect.fn("Schedules.list")(function* (environment, { after, ...options }) {
      const scope = touchScope(yield* requirePermission("config.read", environment, "some"))
      const problem = options.touching && targetProblem(environment, options.touching.key)
      if (problem !== undefined) return yield* problem
      return yield* store.list(environment, { ...options, after: isId(after) ? BigInt(after.slice(1)) : 0n, scope })
    }),

    cancel: Effect.fn("Schedules.cancel")(function* (environment, key, options) {
      const identity = yield* requirePermission("config.write", environment, "some")
      if (!isId(key)) return yield* unknown(environment, key)
      if (!ofEveryKey(identity)) yield* found(identity, environment, key)
      const wish: EndWish = {
        kind: "schedule",
        environment,
        key,
        state: "cancelled",
        reason: options.message,
        graceMillis: null
      }
      return yield* commit<Schedule>({
        action: "cancel",
        identity,
        options,
        request: { kind: "schedule", environment, cancel: key },
        check: () => Effect.succeed({ changes: [wish] })
      })
    })
  })
})
