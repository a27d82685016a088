/**
 * Takes the health reports of connected instances.
 *
 *   HR1  Of an instance the reports on its newest 100 revisions are kept, and its latest report besides, however many revisions it names.
 *   HR2  A report is kept as far as it fits: its message and the names of its metrics are cut and cleaned, metrics that are not finite
 *        numbers are left out.
 *   HR3  Health is reported for a connected instance and a revision that exists.
 *   OW1 in fleet/Ownership.ts
 *
 * A session of this node is found in memory; for one of another node the store is asked, once a report.
 */
import { Clock, Context, Effect, Layer } from "effect"
import type { Identity } from "../access/Identity.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { Bookkeeping } from "../fleet/Bookkeeping.ts"
import type { HealthRow, InstanceId } from "../fleet/Instance.ts"
import { InstanceStore } from "../fleet/InstanceStore.ts"
import { mayHold, type Ownership, owned, ownerOf } from "../fleet/Ownership.ts"
import { Propagation } from "../propagation/Propagation.ts"
import { fitted } from "../text/Fitted.ts"
import { Sessions } from "./Sessions.ts"
import { type Reporter, Witnesses } from "./Witnesses.ts"

/** A report as the instance sends it. */
export type HealthReport = Omit<HealthRow, "reportedAt">

/** Characters kept of each, at most. HR2 */
const MESSAGE = 1_024
const EPOCH = 64
const NAME = 128

/** HR2 */
const fitting = ({ epoch, message, metrics, ...said }: HealthReport): HealthReport => ({
  ...said,
  epoch: fitted(epoch, EPOCH),
  message: fitted(message, MESSAGE),
  metrics: Object.fromEntries(
    Object.entries(metrics)
      .filter(([, value]) => Number.isFinite(value))
      .map(([name, value]) => [fitted(name, NAME), value])
  )
})

export class HealthReports extends Context.Service<
  HealthReports,
  {
    /** Notes the report, as of now, and counts it as a sign of life. Fails `InstanceOwned`, `InstanceNotConnected`, `InvalidInput`. */
    readonly report: (said: HealthReport, identity: Identity) => Effect.Effect<void, HeraldError>
  }
>()("herald/sessions/HealthReports") {
  static readonly layer = (ownership: Ownership) => Layer.effect(HealthReports, make(ownership))
}

const make = Effect.fnUntraced(function* (ownership: Ownership) {
  const sessions = yield* Sessions
  const bookkeeping = yield* Bookkeeping
  const propagation = yield* Propagation
  const store = yield* InstanceStore
  const clock = yield* Clock.Clock
  const witnesses = yield* Witnesses

  const elsewhere = Effect.fnUntraced(function* ({ environment, service, instance }: InstanceId, owner: string) {
    const [found] = yield* store.list({ environment, service, instance, limit: 1, keys: 0 })
    if (found?.state !== "connected")
      return yield* failure(
        "InstanceNotConnected",
        `the instance ${instance} of ${service} in ${environment} is not connected`
      )
    if (!mayHold(found.owner, owner)) return yield* owned(found)
    const { labels, patterns, session, connectedAt } = found
    const client = { environment, service, instance, labels }
    return { client, patterns, ref: session, connectedAt, here: false } satisfies Reporter
  })

  const report = Effect.fnUntraced(function* (said: HealthReport, identity: Identity) {
    const row = fitting(said)
    const owner = ownerOf(ownership, identity)
    const { epoch, revision } = propagation.position()
    if (row.revision < 0n || row.revision > revision)
      return yield* failure("InvalidInput", `revision is ${row.revision}, and the newest here is ${revision}`) // HR3
    if (row.epoch !== "" && row.epoch !== epoch && row.revision > 0n)
      return yield* failure("InvalidInput", "epoch: the revision is of another history than the present one") // HR3
    const isHere = yield* sessions.beat(row, identity) // OW1
    const reporter = (isHere ? witnesses.reporter(row) : undefined) ?? (yield* elsewhere(row, owner)) // HR3
    bookkeeping.noteHealth({ ...row, owner, reportedAt: clock.currentTimeMillisUnsafe() })
    witnesses.tell.reported(reporter, row)
  })

  return HealthReports.of({ report })
})
