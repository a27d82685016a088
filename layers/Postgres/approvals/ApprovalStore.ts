/** Reads protections and change requests in PostgreSQL, by the tables of migration 0045. */
import { Effect, Layer } from "effect"
import { ApprovalStore } from "../../../src/approvals/ApprovalStore.ts"
import {
  asChangeRequest,
  type Base,
  type ChangeRow,
  type State,
  type Touch
} from "../../../src/approvals/ChangeRequest.ts"
import type { Done } from "../../../src/approvals/Held.ts"
import { asProtection, type ProtectionRow } from "../../../src/approvals/Protection.ts"
import type { Wish } from "../../../src/commits/Release.ts"
import { PAGE_BYTES } from "../../../src/values/Page.ts"
import { guarded } from "../connection/Failure.ts"
import { Pools } from "../connection/Pools.ts"
import { allTouched } from "../connection/Touched.ts"

/** What an open one may have become. */
const OPEN: ReadonlyArray<State> = ["open", "approved", "expired", "void"]

interface Found {
  readonly request: ChangeRow
}
interface Whole extends Found {
  readonly keyId: string | null
  readonly body: string
  readonly approvers: ReadonlyArray<{
    readonly name: string
    readonly keyId: string | null
    readonly holds: boolean
    readonly until: number | null
  }> | null
  readonly before: ReadonlyArray<Touch & { readonly text: string | null }> | null
  readonly done: ReadonlyArray<Done> | null
}

/** What `herald_touched` reads of a change. */
const outlined = (wish: Wish): object => {
  const {
    kind,
    environment,
    key,
    flag,
    op,
    state,
    touches,
    candidates = []
  } = wish as Wish &
    Partial<Record<"flag" | "op" | "state", string>> & {
      readonly touches?: ReadonlyArray<Touch>
      readonly candidates?: ReadonlyArray<Touch>
    }
  return {
    ...{ kind, environment, key, flag, op, state, touches },
    candidates: candidates.map(({ kind, key }) => ({ kind, key }))
  }
}

export const layer = Layer.effect(
  ApprovalStore,
  Effect.map(Pools, ({ reads, other: sql }) =>
    ApprovalStore.of({
      protections: (environment) =>
        Effect.map(
          guarded("read protections")(reads<{ readonly stated: ProtectionRow }>`
            select herald_protection_json(p) as stated from protections p
            where p.environment = ${environment} and not p.deleted order by p.protection_name collate "C"`),
          (rows) => rows.map(({ stated }) => asProtection(stated))
        ),
      protecting: (environment, changes) =>
        Effect.map(
          guarded("read what protects them")(sql<{ readonly stated: ProtectionRow }>`
            with asked as materialized (select ${JSON.stringify(changes.map(outlined))}::text::jsonb as changes),
              touched as materialized (select distinct t.of_kind, t.of_key from asked a cross join lateral herald_touched(a.changes, '{}') t)
            select herald_protection_json(p) as stated from protections p
            where p.environment = ${environment} and not p.deleted and (
              exists (select from asked a cross join lateral jsonb_array_elements(a.changes) c where c->>'kind' = 'protection' and c->>'key' = p.protection_name)
              or exists (select from touched t where (p.kinds is null or t.of_kind = '*' or t.of_kind = any (p.kinds))
                and (t.of_key is null or herald_covers(p.patterns, t.of_key))))
            order by p.protection_name`),
          (rows) => rows.map(({ stated }) => asProtection(stated))
        ),
      bases: (environment, touches, named) =>
        Effect.map(
          guarded("read where keys are")(sql<{ readonly epoch: string; readonly bases: ReadonlyArray<Base> | null }>`
            with asked as materialized (select ${JSON.stringify(touches)}::text::jsonb as touches),
              standing as materialized (select coalesce(jsonb_agg(jsonb_build_object('kind', s.kind, 'key', s.key)), '[]') as also
                from asked a cross join lateral herald_stands_on(${environment}, ${JSON.stringify(named)}::text::jsonb, a.touches) s)
            select e.epoch, (select jsonb_agg(jsonb_build_object('kind', b.kind, 'key', b.key, 'revision', b.at::text) order by b.n)
              from asked a, standing s cross join lateral herald_bases(${environment}, a.touches || s.also) b) as bases from herald_epoch e`),
          ([row]) => ({ epoch: row!.epoch, bases: row!.bases ?? [] })
        ),
      find: (environment, key) =>
        Effect.map(
          guarded(`read the change request ${key}`)(sql<Whole>`
            select herald_approval_json(r) as request, r.key_id as "keyId", r.body,
              (select jsonb_agg(jsonb_build_object('name', a.principal, 'keyId', a.key_id, 'holds', a.digest = r.digest,
                  'until', herald_millis(a.until)) order by a.at, a.principal)
                from change_approvals a where a.environment = r.environment and a.id = r.id) as approvers,
              (select jsonb_agg(jsonb_build_object('kind', b->'kind', 'key', b->'key', 'text',
                  herald_was(r.environment, b->>'kind', b->>'key', (b->>'revision')::bigint)::text))
                from jsonb_array_elements(r.bases) b where b->>'revision' <> '0'
                  and exists (select from jsonb_array_elements(r.touches) t where t->'kind' = b->'kind' and t->'key' = b->'key')) as before,
              (select jsonb_agg(jsonb_build_object('kind', d.kind, 'key', d.key, 'before', herald_was(r.environment, d.kind, d.key, d.was)::text, 'after', d.after)
                  order by d.n) from (
                select t.*, h.was, coalesce(case when h.made then (herald_was(r.environment, t.kind, t.key, r.applied_revision)
                    || case t.kind when 'schedule' then (select jsonb_build_object('body', s.body::jsonb) from schedules s
                      where s.environment = r.environment and s.id = t.key) else '{}' end)::text end,
                  (select c.wish from rollout_candidates c where c.environment = r.environment and c.kind = t.kind and c.key = t.key
                    and c.revision = r.applied_revision)) as after
                from (select x.n, x.value->>'kind' as kind, x.value->>'key' as key from jsonb_array_elements(r.touches) with ordinality x(value, n)
                    union all values (1000000, 'rollout', 'r' || r.applied_revision), (1000001, 'schedule', 's' || r.applied_revision)) t
                  cross join lateral (select max(v.revision) filter (where v.revision < r.applied_revision) as was,
                      bool_or(v.revision = r.applied_revision) as made from (
                    select c.revision from configuration_history c where t.kind = 'configuration' and c.environment = r.environment and c.key = t.key
                    union all select f.revision from feature_flag_history f where t.kind = 'flag' and f.environment = r.environment and f.flag_name = t.key
                    union all select s.revision from flag_segment_history s where t.kind = 'segment' and s.environment = r.environment and s.segment_name = t.key
                    union all select s.revision from flag_settings_history s where t.kind = 'flag_settings' and s.environment = r.environment and s.settings_name = t.key
                    union all select x.revision from experiment_history x where t.kind = 'experiment' and x.environment = r.environment and x.experiment_name = t.key
                    union all select o.revision from rollout_history o where t.kind = 'rollout' and o.environment = r.environment and o.id = t.key
                    union all select s.revision from schedule_history s where t.kind = 'schedule' and s.environment = r.environment and s.id = t.key
                    union all select p.revision from protection_history p where t.kind = 'protection' and p.environment = r.environment and p.protection_name = t.key
                  ) v) h
                where r.state in ('review', 'reviewed')) d where d.after is not null) as done
            from change_requests r where r.environment = ${environment} and r.id = ${key}`),
          ([found]) =>
            found && {
              request: asChangeRequest(found.request),
              keyId: found.keyId ?? undefined,
              body: found.body,
              done: found.done ?? [],
              approvers: (found.approvers ?? []).map((one) => ({ ...one, keyId: one.keyId ?? undefined })),
              before: Object.fromEntries(
                (found.before ?? []).flatMap(({ kind, key, text }) => (text === null ? [] : [[`${kind}/${key}`, text]]))
              )
            }
        ),
      list: (environment, { limit, before, state, scope }) =>
        Effect.map(
          guarded("list change requests")(sql<Found>`
            select request from (
              select request, n, sum(octet_length(request::text)) over (order by n desc) - octet_length(request::text) as bytes_before from (
                select herald_approval_json(r) as request, r.made_revision as n from change_requests r
                where r.environment = ${environment}
                  and r.made_revision < coalesce(${before === undefined ? null : String(before)}::text::bigint, 9223372036854775807)
                  and (${state === undefined} or r.state = ${state !== undefined && OPEN.includes(state) ? "open" : (state ?? "")})
                  and ${allTouched(sql, scope, "r.rights")}
                  and (${state === undefined || !OPEN.includes(state)} or herald_change_state(r) = ${state ?? ""})
                order by r.made_revision desc limit ${limit}
              ) page
            ) sized where bytes_before < ${PAGE_BYTES} order by n desc`),
          (rows) => rows.map(({ request }) => asChangeRequest(request))
        )
    })
  )
)
