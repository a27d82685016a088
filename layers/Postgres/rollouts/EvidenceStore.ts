/** Keeps what instances make of rollouts in PostgreSQL: writes a batch by one call, and reads what was counted. */
import { Effect, Layer } from "effect"
import { patternsOf } from "../../../src/keys/Pattern.ts"
import type { Evidence } from "../../../src/rollouts/Evidence.ts"
import { type Connected, type EvidenceBatch, EvidenceStore, type Sighted } from "../../../src/rollouts/EvidenceStore.ts"
import { targetName } from "../../../src/rollouts/TargetName.ts"
import { guarded } from "../connection/Failure.ts"
import { Pools } from "../connection/Pools.ts"
import { millis } from "../leases/Fence.ts"

/** A batch as JSON: each rollout is in it once. */
const encode = ({ run, timeoutMillis, sightings, counted, seen, all }: EvidenceBatch): string => {
  const rollouts: Array<readonly [string, string]> = []
  const places = new Map<string, number>()
  const place = ({ environment, rollout }: { readonly environment: string; readonly rollout: string }): number => {
    const name = `${environment}/${rollout}`
    const known = places.get(name)
    if (known !== undefined) return known
    places.set(name, rollouts.length)
    return rollouts.push([environment, rollout]) - 1
  }
  const rows = sightings.map((one) => {
    const { service, instance, session, since, number, stage, is, broke, reason, said, news } = one
    return [place(one), service, instance, session, since, number, stage, is, broke, reason, said, news]
  })
  const totals = counted.map((one) => [place(one), one.side, one.metric, one.total])
  const told = seen.map((one) => [place(one), one.version])
  return JSON.stringify({ run, timeout: timeoutMillis, rollouts, sightings: rows, counted: totals, seen: told, all })
}

type Read = Omit<Evidence, "bad"> & { readonly bad: string | null }

export const layer = Layer.effect(
  EvidenceStore,
  Effect.map(Pools, ({ other: sql }) =>
    EvidenceStore.of({
      write: (batch) =>
        guarded("write what instances made of rollouts")(sql<{ early: ReadonlyArray<string> }>`
          select herald_evidence(${encode(batch)}::text::jsonb) as early`).pipe(Effect.map(([row]) => row!.early)),
      read: (environment, rollout, { lostAfterMillis, crashes, slow }) =>
        guarded("read what instances made of a rollout")(sql<{ read: Read | null }>`
          select herald_evidence_of(${environment}, ${rollout}, ${millis(lostAfterMillis)}::interval, ${crashes}::int,
            array(select jsonb_array_elements_text(${JSON.stringify(slow)}::text::jsonb)::bigint)) as read`).pipe(
          Effect.map(([row]) => {
            const { read } = row!
            return read === null ? undefined : { ...read, bad: BigInt(read.bad ?? 0) }
          })
        ),
      changed: guarded("look for what instances made of rollouts")(sql<{ changed: Record<string, string> }>`
        select herald_evidence_changed() as changed`).pipe(
        Effect.map(([row]) => new Map(Object.entries(row!.changed).map(([name, at]) => [name, BigInt(at)])))
      ),
      instances: (environment, rollout, { limit, after, is }) =>
        guarded("list the instances of a rollout")(sql<Sighted>`
          select environment, rollout, service, instance, stage, session, since, number::int as number, condition as is, broke_now as broke, reason,
            herald_millis(changed_at) as at
          from rollout_instances where environment = ${environment} and rollout = ${rollout}
            and (service, instance) > (${after?.service ?? ""}, ${after?.instance ?? ""})
            and (${is ?? ""} = '' or condition = ${is ?? ""})
          order by service, instance limit ${limit}`),
      population: (environment, targets, { limit, after }) => {
        const patterns = [...new Set(targets.flatMap((target) => patternsOf(targetName(target))))]
        return guarded("list the instances that want what is rolled out")(sql<Connected>`
          select service, instance, labels from instances
          where state = 'connected' and environment = ${environment}
            and (service, instance) > (${after?.service ?? ""}, ${after?.instance ?? ""})
            and patterns ?| array(select jsonb_array_elements_text(${JSON.stringify(patterns)}::text::jsonb))
          order by service, instance limit ${limit}`)
      },
      leave: (run) => Effect.asVoid(guarded("say that this run ends")(sql`select herald_run_left(${run})`)),
      sweep: (limit) =>
        guarded("remove what is of rollouts that are over")(sql<{ went: number }>`
          select herald_evidence_sweep(${limit}::int)::int as went`).pipe(Effect.map(([row]) => row!.went))
    })
  )
)
