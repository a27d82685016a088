/**
 * Makes what is asked for into a rollout that may be begun.
 *
 *   XR1  A candidate is checked as a publish of it is, and committed as what was checked: its type, its schema, its template rendered for every
 *        connected client, what flags need of each other. So what is promoted later is what was found right.
 *   XR2  It is made against the version that is current, and begins only in place of that one.
 */
import { Clock, Effect } from "effect"
import { requirePermission } from "../access/Access.ts"
import type { Configuration } from "../configuration/Configuration.ts"
import { Configurations } from "../configuration/Configurations.ts"
import type { Draft } from "../configuration/Draft.ts"
import type { Basis } from "../configuration/Wish.ts"
import { failure, HeraldError } from "../errors/HeraldError.ts"
import type { FlagWish } from "../flags/FeatureFlag.ts"
import type { FlagDraft, FlagValidated } from "../flags/FlagDraft.ts"
import { Flags } from "../flags/Flags.ts"
import { FlagView } from "../flags/FlagView.ts"
import { VARIABLES_KEY } from "../keys/Key.ts"
import { nameOf } from "../keys/Name.ts"
import { targetProblem } from "../keys/Target.ts"
import type { When } from "../schedules/When.ts"
import { excerpt } from "../text/Excerpt.ts"
import { canonical } from "../values/Canonical.ts"
import { Digest } from "../values/Digest.ts"
import { bytesOf, textProblem } from "../values/Value.ts"
import { limits, type Plan } from "./Plan.ts"
import { Policies } from "./Policies.ts"
import { POLICY_KEY, requiredFor } from "./Policy.ts"
import { readPlan } from "./ReadPlan.ts"
import type { Target } from "./Rollout.ts"
import type { Wanted } from "./Wanted.ts"
import type { Candidate, StartWish } from "./Wish.ts"

/** Characters of a file's name. */
const FILE = 200

/** What was asked for, with versions of before put in. */
export interface Drafts {
  readonly changes: ReadonlyArray<Draft>
  readonly flags: ReadonlyArray<FlagDraft>
}

export interface Drafted {
  readonly wish: StartWish
  /** What else it was checked against. */
  readonly basis: Basis | undefined
}

export const makeDrafting = Effect.gen(function* () {
  const configurations = yield* Configurations
  const flags = yield* Flags
  const flagView = yield* FlagView
  const digestOf = yield* Digest
  const policies = yield* Policies

  /** The plan, whole. */
  const planIn = Effect.fnUntraced(function* ({ environment, plan, file, ...asked }: Wanted) {
    const named = typeof plan === "string" ? plan : undefined
    const { policy } = yield* policies.of(environment)
    const text = named === undefined ? plan : Object.hasOwn(policy.plans, named) ? policy.plans[named] : undefined
    if (text === undefined)
      return yield* failure(
        "NotFound",
        `there is no plan ${excerpt(named!)} in ${environment}; see herald rollout plan list, or write stages such as 1%,10%,100%`
      )
    const read = readPlan(text, named === undefined ? "the plan" : `the plan ${named}`)
    if (read instanceof HeraldError) return yield* read
    if (file === undefined) return { ...read, ...(named === undefined ? {} : { named }) } satisfies Plan
    const { when: _, ...content } = asked
    const digest = digestOf(canonical({ environment, plan: read, content: toldOf(content) }))
    return { ...read, ...(named === undefined ? {} : { named }), file: { name: file, digest } } satisfies Plan
  })

  const permit = Effect.fnUntraced(function* ({ environment, changes, flags: drafts, again, file }: Wanted) {
    const identity = yield* requirePermission("config.write", environment)
    const named =
      file === undefined
        ? undefined
        : (textProblem(file) ?? (file === "" || file.length > FILE ? `it has 1 to ${FILE} characters` : undefined))
    if (named !== undefined) return yield* failure("InvalidInput", `the file's name can't be kept: ${named}`)
    const names = new Set<string>()
    const all = [
      ...changes.map((draft) => ({ ...draft, kind: "configuration", gone: draft.value === null })),
      ...drafts.map((draft) => ({ ...draft, kind: "flag", gone: draft.definition === null })),
      ...again.map((one) => ({ ...one, environment, gone: false }))
    ]
    if (all.length === 0) return yield* failure("NothingChanged", "the rollout has no change")
    if (all.length > limits.targets)
      return yield* failure("TooLarge", `the rollout has ${all.length} changes; at most ${limits.targets} are allowed`)
    for (const { kind, key, gone, environment: its } of all) {
      const problem = targetProblem(its, key)
      if (problem !== undefined) return yield* problem
      if (its !== environment)
        return yield* failure(
          "InvalidInput",
          `a rollout is of one environment, not of ${environment} and ${its}; start one for each`
        )
      if (names.has(`${kind}/${key}`))
        return yield* failure("InvalidInput", `${key} in ${environment} appears twice in the rollout`)
      names.add(`${kind}/${key}`)
      if (gone)
        return yield* failure(
          "InvalidInput",
          `${key}: a rollout gives a version to more and more instances, and takes nothing away; delete or archive it when nobody has it any more`
        )
      if (kind === "configuration" && key === POLICY_KEY)
        return yield* failure("InvalidInput", `${POLICY_KEY} is what rollouts go by, and has no cohort; publish it`)
      if (kind === "configuration" && key === VARIABLES_KEY)
        return yield* failure(
          "InvalidInput",
          `${VARIABLES_KEY} is what templates are made with, and has no cohort; roll out the templates that use it`
        )
    }
    return identity
  })

  /** What versions of before said. They were accepted once, as those of a rollback. */
  const draftsOf = Effect.fnUntraced(function* ({ environment, changes, flags: drafts, again }: Wanted) {
    const made = { changes: [...changes], flags: [...drafts] }
    for (const { kind, key, version } of again) {
      const old =
        kind === "flag"
          ? yield* flags.version(environment, key, version)
          : yield* configurations.version(environment, key, version)
      if (old.deleted)
        return yield* failure(
          "InvalidInput",
          `version ${version} of ${key} in ${environment} took it away; name another`
        )
      if (old.kind === "flag") made.flags.push({ environment, key, definition: old.definition })
      else made.changes.push(asDraft(old as Configuration))
    }
    return made satisfies Drafts
  })

  const configurationsIn = Effect.fnUntraced(function* (drafts: ReadonlyArray<Draft>, message: string, fresh: boolean) {
    if (drafts.length === 0) return { candidates: [], basis: undefined }
    const { resolved, basis } = yield* configurations.prepared(drafts, message, fresh)
    const candidates = resolved.map(({ change, current }): Candidate => {
      const base = current === undefined || current.deleted ? 0 : current.version
      // The key changes with the rollout alone, so what it keeps stays as it was found.
      const { kept: _, ...wish } = { ...change, expectedVersion: base }
      const { key, digest, strict, template, value } = wish
      return {
        kind: "configuration",
        key,
        digest,
        strict,
        template,
        base,
        wish: JSON.stringify(wish),
        bytes: bytesOf(value ?? "")
      }
    })
    return { candidates, basis }
  })

  const flagsIn = Effect.fnUntraced(function* (drafts: ReadonlyArray<FlagDraft>) {
    if (drafts.length === 0) return []
    const { check } = yield* flags.beside(drafts)
    return (yield* check).map((wish): Candidate => {
      const { environment, key, digest, bytes } = wish as FlagWish
      const base = flagView.find(environment, key)?.version ?? 0
      return {
        kind: "flag",
        key,
        digest,
        bytes,
        base,
        strict: false,
        template: false,
        wish: JSON.stringify({ ...wish, expectedVersion: base })
      }
    })
  })

  /** Milliseconds since 1970. */
  const timeOf = Effect.fnUntraced(function* (when: When | undefined) {
    if (when === undefined) return null
    const now = yield* Clock.currentTimeMillis
    const at = when.dueAt ?? now + when.afterMillis
    if (at > now) return at
    return yield* failure("ScheduleTime", `at: ${new Date(at).toISOString()} is over`)
  })

  const drafted = Effect.fnUntraced(function* (
    wanted: Wanted,
    plan: Plan,
    options: { readonly message: string; readonly salt: string; readonly by: string },
    fresh: boolean
  ) {
    const { changes, flags: flagDrafts } = yield* draftsOf(wanted)
    // What hangs on other flags; the drafts themselves are checked with their wishes.
    if (flagDrafts.length > 0) yield* flags.validate(flagDrafts)
    const made = yield* configurationsIn(changes, options.message, fresh)
    const wish: StartWish = {
      kind: "rollout",
      op: "start",
      environment: wanted.environment,
      key: "",
      plan,
      candidates: [...made.candidates, ...(yield* flagsIn(flagDrafts))],
      salt: options.salt,
      at: yield* timeOf(wanted.when),
      why: { text: `${options.by} started it`, readings: [] }
    }
    return { wish, basis: made.basis } satisfies Drafted
  })

  /** PY3: what asks for a plan is rolled out by that one. */
  const asRequired = Effect.fnUntraced(function* (wanted: Wanted, plan: Plan, breakGlass: string | undefined) {
    const { environment } = wanted
    const { policy } = yield* policies.of(environment)
    if (breakGlass !== undefined) return
    for (const { kind, key } of targetsOf(wanted)) {
      const rule = requiredFor(policy, kind === "configuration" ? key : nameOf(kind, key))
      if (rule?.plan === undefined || rule.plan === plan.named) continue
      return yield* failure("PlanRequired", `${key} in ${environment} is rolled out by the plan ${rule.plan}`, {
        details: { kind, key, environment, keys: rule.keys, plan: rule.plan }
      })
    }
  })

  /** What would change, as publishes say it. */
  const compared = Effect.fnUntraced(function* (wanted: Wanted) {
    const { changes, flags: flagDrafts } = yield* draftsOf(wanted)
    const none: ReadonlyArray<FlagValidated> = []
    return {
      changes: changes.length === 0 ? [] : yield* configurations.validate(changes),
      flags: flagDrafts.length === 0 ? none : yield* flags.validate(flagDrafts)
    }
  })

  return { permit, planIn, drafted, compared, asRequired }
})

/** What it is to change. */
export const targetsOf = ({
  changes,
  flags,
  again
}: Pick<Wanted, "changes" | "flags" | "again">): ReadonlyArray<Pick<Target, "kind" | "key">> => [
  ...changes.map(({ key }) => ({ kind: "configuration" as const, key })),
  ...flags.map(({ key }) => ({ kind: "flag" as const, key })),
  ...again
]

/** What an idempotency key, and the digest of a file, stand for: all but what the door found in values. */
export const toldOf = ({ changes, ...more }: Pick<Wanted, "changes" | "flags" | "again">) => ({
  changes: changes.map(({ found: _, ...draft }) => draft),
  ...more
})

const asDraft = ({ key, environment, value, valueType: type, schema, strict }: Configuration): Draft => ({
  key,
  environment,
  value,
  type,
  schema,
  strict,
  stored: true
})
