/**
 * Judges releases by who has to approve them, on the rules that there are: what is to wait becomes a change request, and whoever breaks the glass leaves
 * a review. That a second person approved is decided under the lock of the commits (AQ1).
 */
import { Effect, Layer } from "effect"
import { requirePermission } from "../access/Access.ts"
import { CurrentIdentity } from "../access/Identity.ts"
import { AsRequest } from "../commits/Requesting.ts"
import { type Judge, type Judged, Rules } from "../commits/Rules.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { ExperimentStore } from "../experiments/ExperimentStore.ts"
import { RolloutStore } from "../rollouts/RolloutStore.ts"
import { ScheduleStore } from "../schedules/ScheduleStore.ts"
import { Digest } from "../values/Digest.ts"
import { bytesOf } from "../values/Value.ts"
import { ApprovalStore } from "./ApprovalStore.ts"
import { type KnownByAsking, rightsOf } from "./AskedRights.ts"
import { bodyOf } from "./Body.ts"
import { type ApprovalWish, CHANGE_BYTES, type GlassWish, type OpenWish, STANDS } from "./ChangeRequest.ts"
import { LASTS } from "./Protection.ts"
import { standingOf, touchesOf } from "./Touched.ts"

const isApproval = (kind: string): boolean => kind === "approval"

const judging = Effect.gen(function* () {
  const before = yield* Rules
  const store = yield* ApprovalStore
  const digestOf = yield* Digest
  const [rollouts, schedules, experiments] = [yield* RolloutStore, yield* ScheduleStore, yield* ExperimentStore]
  const known: KnownByAsking<HeraldError> = {
    rollout: (environment, id) => Effect.map(rollouts.find(environment, id), (found) => found?.targets),
    schedule: (environment, id) => Effect.map(schedules.find(environment, id), (found) => found?.schedule.touches),
    flagOf: (environment, name) => Effect.map(experiments.find(environment, name), (found) => found?.flag)
  }

  const environmentOf = Effect.fnUntraced(function* ({ changes }: Judged) {
    const [environment, other] = new Set(changes.map((change) => change.environment))
    if (environment === undefined) return yield* failure("NothingChanged", "nothing is to be changed then")
    if (other !== undefined)
      return yield* failure(
        "InvalidInput",
        `a change request is of one environment, not of ${environment} and ${other}; ask for each by itself`
      )
    return environment
  })

  /** So many approvals as the lock will ask for, of all that hangs on what is changed. AQ2 */
  const waiting = Effect.fnUntraced(function* (release: Judged, basis: object | undefined, message: string) {
    const { action, changes } = release
    const environment = yield* environmentOf(release)
    const touches = touchesOf(changes)
    const protections = yield* store.protecting(environment, changes)
    const { epoch, bases } = yield* store.bases(environment, touches, standingOf(changes))
    if (bases.length > touches.length + STANDS)
      return yield* failure(
        "TooLarge",
        `what it changes stands on more than ${STANDS} segments and flags; ask for parts of it`
      )
    const body = bodyOf({ environment, action, message, epoch, bases, changes, basis })
    const bytes = bytesOf(body)
    if (bytes > CHANGE_BYTES)
      return yield* failure("TooLarge", `the change request has ${bytes} bytes; at most ${CHANGE_BYTES} are allowed`)
    const wish: OpenWish = {
      kind: "approval",
      environment,
      key: "",
      op: "open",
      action,
      touches,
      rights: yield* rightsOf(release, known),
      epoch,
      bases,
      body,
      digest: digestOf(body),
      bytes,
      needed: protections.reduce((most, { approvals }) => Math.max(most, approvals), 1),
      lasts: protections.reduce((least, { lasts }) => Math.min(least, lasts), protections[0]?.lasts ?? LASTS)
    }
    return wish
  })

  /** AQ8 */
  const breaking = Effect.fnUntraced(function* ({ action, changes, identity, breakGlass }: Judged) {
    const found: Array<GlassWish> = []
    if (breakGlass === undefined || changes.some(({ kind }) => isApproval(kind))) return found
    for (const environment of new Set(changes.map((change) => change.environment))) {
      const here = changes.filter((change) => change.environment === environment)
      if ((yield* store.protecting(environment, here)).length === 0) continue
      const touches = touchesOf(here)
      const rights = yield* rightsOf({ action, changes: here }, known)
      yield* Effect.provideService(requirePermission("approvals.bypass", environment), CurrentIdentity, identity)
      found.push({ kind: "approval", environment, key: "", op: "glass", touches, rights, reason: breakGlass })
    }
    return found
  })

  const judge: Judge = Effect.fnUntraced(function* (release, basis, again) {
    const asks = yield* AsRequest
    if (asks && release.breakGlass !== undefined)
      return yield* failure("InvalidInput", "a change request breaks no glass: ask for the change, or break the glass")
    const judged = yield* before(release, basis, again)
    const { changes } = release
    if (asks) {
      const all = judged.besides.length === 0 ? changes : [...changes, ...judged.besides]
      const wish = yield* waiting({ ...release, changes: all }, basis, release.message)
      return { ...judged, instead: [wish] }
    }
    const glass: ReadonlyArray<ApprovalWish> = yield* breaking(release)
    return glass.length === 0 ? judged : { ...judged, besides: [...judged.besides, ...glass] }
  })
  return judge
})

/** On the rules that there are. */
export const rules = Layer.effect(Rules, judging)
