/**
 * Makes what is asked for into a rollout that may be begun.
 *
 *   XR1  A candidate is checked as a publish of it is, and committed as what was checked: its type, its schema, its template rendered for every
 *        connected client, what flags need of each other. So what is promoted later is what was found right.
 *   XR2  It is made against the version that is current, and begins only in place of that one.
 */
import { Clock, Effect } from "effect"
import { requireEach } from "../access/RequireEach.ts"
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
import { limits, type Plan } from "../plans/Plan.ts"
import { POLICY_KEY, requiredFor } from "../plans/Policy.ts"
import { readPlan } from "../plans/ReadPlan.ts"
import type { When } from "../schedules/When.ts"
import { excerpt } from "../text/Excerpt.ts"
import { canonical } from "../values/Canonical.ts"
import { Digest } from "../values/Digest.ts"
import { bytesOf, textProblem } from "../values/Value.ts"
import { inRollout } from "./Limits.ts"
import { Policies } from "./Policies.ts"
import { raised } from "./Raise.ts"
import { aboutsOfTargets, isOver } from "./Rollout.ts"
import { RolloutView } from "./RolloutView.ts"
import { targetsOf, toldOf, type Wanted } from "./Wanted.ts"
import type { CandidateWish, StartWish } from "./Wish.ts"

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
  const view = yield* RolloutView
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
    const touched = targetsOf({ changes, flags: drafts, again })
    const identity = yield* requireEach("config.write", environment, aboutsOfTargets(touched)) // XR5
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
      return yield* failure(
        "InvalidInput",
        `the rollout has ${all.length} changes; at most ${limits.targets} are allowed`
      )
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
      if (version === undefined)
        return yield* failure(
          "InvalidInput",
          `${key}: give what it is to be, or the version of before whose value it is`
        )
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
    const candidates = resolved.map(({ change, current }): CandidateWish => {
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
    return (yield* check).map((wish): CandidateWish => {
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

  /** The flag whose variant is raised: each stage makes a version of it, and there is no candidate. */
  const raising = Effect.fnUntraced(function* (
    { environment, changes, flags: drafts, again }: Wanted,
    { stages }: Plan,
    variant: string,
    salt: string
  ) {
    const [one] = again
    if (one?.kind !== "flag" || one.version !== undefined || changes.length + drafts.length + again.length > 1)
      return yield* failure(
        "InvalidPlan",
        "a variant is raised of one flag, as it is: name the flag, and neither a definition nor a version"
      )
    const { key } = one
    const { version, definition } = yield* flags.get(environment, key)
    for (const { share } of stages) {
      const made = raised(definition, variant, "percent" in share ? share.percent / 100 : 1, salt)
      // What another rollout has raised already is no fault of this one's plan.
      const other = "problem" in made ? view.of(environment, one) : undefined
      if (other !== undefined && !isOver(other.state)) return yield* inRollout(one, other)
      if ("problem" in made)
        return yield* failure("InvalidPlan", `${variant} of the flag ${key} can't be raised: ${made.problem}`)
    }
    const none = { digest: "", strict: false, template: false, wish: "", bytes: 0 }
    return { kind: "flag", key, base: version, ...none } satisfies CandidateWish
  })

  const candidatesOf = Effect.fnUntraced(function* (
    wanted: Wanted,
    plan: Plan,
    message: string,
    salt: string,
    fresh: boolean
  ) {
    if (plan.raise !== undefined)
      return { candidates: [yield* raising(wanted, plan, plan.raise.variant, salt)], basis: undefined }
    const { changes, flags: flagDrafts } = yield* draftsOf(wanted)
    // What hangs on other flags; the drafts themselves are checked with their wishes.
    if (flagDrafts.length > 0) yield* flags.validate(flagDrafts)
    const { candidates, basis } = yield* configurationsIn(changes, message, fresh)
    return { candidates: [...candidates, ...(yield* flagsIn(flagDrafts))], basis }
  })

  const drafted = Effect.fnUntraced(function* (
    wanted: Wanted,
    plan: Plan,
    options: { readonly message: string; readonly salt: string; readonly by: string },
    fresh: boolean
  ) {
    const { candidates, basis } = yield* candidatesOf(wanted, plan, options.message, options.salt, fresh)
    const wish: StartWish = {
      kind: "rollout",
      op: "start",
      environment: wanted.environment,
      key: "",
      plan,
      candidates,
      salt: options.salt,
      at: yield* timeOf(wanted.when),
      why: { text: `${options.by} started it`, readings: [] }
    }
    return { wish, basis } satisfies Drafted
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
  const compared = Effect.fnUntraced(function* (wanted: Wanted, plan: Plan) {
    if (plan.raise !== undefined) return { changes: [], flags: [] }
    const { changes, flags: flagDrafts } = yield* draftsOf(wanted)
    const none: ReadonlyArray<FlagValidated> = []
    return {
      changes: changes.length === 0 ? [] : yield* configurations.validate(changes),
      flags: flagDrafts.length === 0 ? none : yield* flags.validate(flagDrafts)
    }
  })

  return { permit, planIn, drafted, compared, asRequired }
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
