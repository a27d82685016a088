/** Reads configurations in PostgreSQL. */
import { Effect, Layer } from "effect"
import * as Reactivity from "effect/reactivity/Reactivity"
import type { SqlClient } from "effect/sql"
import type { Statement } from "effect/sql/Statement"
import type { Candidacy } from "../../../src/commits/Candidacy.ts"
import type { Configuration } from "../../../src/configuration/Configuration.ts"
import { asConfiguration, type ConfigurationRow } from "../../../src/configuration/ConfigurationKind.ts"
import { ConfigurationStore } from "../../../src/configuration/ConfigurationStore.ts"
import type { Position } from "../../../src/propagation/Position.ts"
import { PAGE_BYTES } from "../../../src/values/Page.ts"
import type { ClientOptions } from "../connection/Client.ts"
import { guarded } from "../connection/Failure.ts"
import { Pools } from "../connection/Pools.ts"
import { makeReplica } from "../connection/Replica.ts"
import { asHead, CONFIGURATION_COLUMNS, type HeadRow } from "./Rows.ts"

type VersionRow = ConfigurationRow & { readonly rollout: Candidacy | null }

const asVersion = ({ rollout, ...row }: VersionRow): Configuration =>
  rollout === null ? asConfiguration(row) : { ...asConfiguration(row), rollout }

export const layer = (client: ClientOptions) =>
  Layer.effect(
    ConfigurationStore,
    Effect.gen(function* () {
      const { reads: sql, witness } = yield* Pools
      const replica = yield* makeReplica(client)
      const columns = sql.literal(CONFIGURATION_COLUMNS)
      /** Reads from the replica if it has `atLeast`, or else from the primary. */
      const read = Effect.fnUntraced(function* <Row extends ConfigurationRow>(
        what: string,
        atLeast: Position | undefined,
        query: (sql: SqlClient.SqlClient) => Statement<Row>
      ) {
        return (yield* replica.ask<Row>(atLeast, query)) ?? (yield* guarded(what)(query(sql)))
      })
      return ConfigurationStore.of({
        current: (environment, key) =>
          Effect.map(
            guarded(`read ${key}`)(sql<ConfigurationRow>`
              select ${columns} from configurations where environment = ${environment} and key = ${key}`),
            ([found]) => found && asConfiguration(found)
          ),
        currents: (keys, atLeast) =>
          Effect.map(
            read(
              keys.length === 1 ? `read ${keys[0]!.key}` : `read the values of ${keys.length} keys`,
              atLeast,
              (sql) => sql<ConfigurationRow & { n: number; known: boolean }>`
                select n::int, known, ${columns} from (
                  select *, sum(bytes) over (order by n) - bytes as bytes_before from (
                    select n, c.key is not null as known, c.*,
                      coalesce(octet_length(c.value) + coalesce(octet_length(c.schema_definition::text), 0), 0) as bytes
                    from jsonb_array_elements(${JSON.stringify(keys.map((one) => [one.environment, one.key]))}::text::jsonb)
                      with ordinality as asked(one, n)
                    left join configurations c on c.environment = one->>0 and c.key = one->>1
                  ) found
                ) sized where bytes_before < ${PAGE_BYTES}`
            ),
            (rows) =>
              rows
                .toSorted((a, b) => a.n - b.n)
                .map(({ n: _, known, ...row }) => (known ? asConfiguration(row) : undefined))
          ),
        version: (environment, key, version) =>
          Effect.map(
            read(
              `read version ${version} of ${key}`,
              witness.newest(),
              (sql) => sql<VersionRow>`
                select ${columns}, herald_candidate_of('configuration', environment, key, version) as rollout from (
                  select * from configuration_history
                  where environment = ${environment} and key = ${key} and version = ${version}
                  union all
                  select v.* from rollout_candidates c cross join lateral herald_candidate_configuration(c) v
                  where c.environment = ${environment} and c.kind = 'configuration' and c.key = ${key} and c.version = ${version}
                    and c.state <> 'promoted'
                ) versions`
            ),
            ([found]) => found && asVersion(found)
          ),
        history: (environment, key, { limit, before }) =>
          Effect.map(
            read(
              `read the history of ${key}`,
              witness.newest(),
              (sql) => sql<VersionRow>`
                select ${columns}, herald_candidate_of('configuration', environment, key, version) as rollout from (
                  select *, sum(octet_length(value) + coalesce(octet_length(schema_definition::text), 0)) over (order by version desc)
                    - octet_length(value) - coalesce(octet_length(schema_definition::text), 0) as bytes_before
                  from (
                    (select * from configuration_history
                      where environment = ${environment} and key = ${key} and version < ${before ?? 2_147_483_647}
                      order by version desc limit ${limit})
                    union all
                    (select v.* from rollout_candidates c cross join lateral herald_candidate_configuration(c) v
                      where c.environment = ${environment} and c.kind = 'configuration' and c.key = ${key}
                        and c.version < ${before ?? 2_147_483_647} and c.state <> 'promoted'
                      order by c.version desc limit ${limit})
                    order by version desc limit ${limit}
                  ) page
                ) sized where bytes_before < ${PAGE_BYTES} order by sized.version desc`
            ),
            (versions) => versions.map(asVersion).toSorted((a, b) => b.version - a.version)
          ),
        // One statement, so that templates and position are of one moment.
        templates: (environment) =>
          guarded(`read the templates of ${environment}`)(sql<HeadRow & { at_epoch: string; at_revision: string }>`
            select e.epoch as at_epoch, (select herald_head())::text as at_revision, c.*
            from herald_epoch e left join (
              select key, environment, version, revision::text as revision, digest, deleted, strict, template from configurations
              where environment = ${environment} and template and not deleted
            ) c on true`).pipe(
            Effect.map((rows) => {
              const { at_epoch: epoch, at_revision } = rows[0]!
              return {
                position: { epoch, revision: BigInt(at_revision) },
                heads: rows.flatMap(({ at_epoch: _, at_revision: __, ...row }) => (row.key === null ? [] : asHead(row)))
              }
            })
          ),
        // One statement, so that a page and its position are of one moment. W4
        heads: (after, limit) =>
          guarded("read what is current")(sql<HeadRow & { at_epoch: string; at_revision: string }>`
            select e.epoch as at_epoch, (select herald_head())::text as at_revision, c.*
            from herald_epoch e left join (
              select * from herald_heads(${after?.environment ?? ""}, ${after?.key ?? ""}, ${limit}::int)
            ) c on true order by c.environment, c.key`).pipe(
            Effect.map((rows) => {
              const { at_epoch: epoch, at_revision } = rows[0]!
              const heads = rows.flatMap(({ at_epoch: _, at_revision: __, ...row }) =>
                row.key === null ? [] : asHead(row)
              )
              const last = heads.at(-1)
              return {
                position: { epoch, revision: BigInt(at_revision) },
                heads,
                next:
                  last === undefined || heads.length < limit
                    ? undefined
                    : { environment: last.environment, key: last.key }
              }
            })
          )
      })
    })
  ).pipe(Layer.provide(Reactivity.layer))
