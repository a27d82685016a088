/** Reads experiments in PostgreSQL, and sums up there what was reported of them. */
import { Effect, Layer } from "effect"
import { asExperiment, type ExperimentRow } from "../../../src/experiments/Experiment.ts"
import { ExperimentStore } from "../../../src/experiments/ExperimentStore.ts"
import { PAGE_BYTES } from "../../../src/values/Page.ts"
import { guarded } from "../connection/Failure.ts"
import { Pools } from "../connection/Pools.ts"
import { makeSum } from "./Summing.ts"

interface Found {
  readonly stated: ExperimentRow
}
const all = (rows: ReadonlyArray<Found>) => rows.map(({ stated }) => asExperiment(stated))

const PAGE = 200

export const layer = Layer.effect(
  ExperimentStore,
  Effect.map(Pools, ({ reads, other }) =>
    ExperimentStore.of({
      find: (environment, key) =>
        Effect.map(
          guarded(`read the experiment ${key}`)(reads<Found>`
            select herald_experiment_json(x) as stated from experiments x where environment = ${environment} and experiment_name = ${key}`),
          (rows) => all(rows)[0]
        ),
      running: (environment) =>
        Effect.map(
          guarded("read running experiments")(reads<Found>`
            select herald_experiment_json(x) as stated from experiments x where environment = ${environment} and state = 'running'
            order by experiment_name`),
          all
        ),
      page: (after) =>
        Effect.map(
          guarded("read running experiments")(reads<Found>`
            select herald_experiment_json(x) as stated from experiments x where state = 'running'
              and (environment, experiment_name) > (${after?.environment ?? ""}, ${after?.key ?? ""})
            order by environment, experiment_name limit ${PAGE}`),
          all
        ),
      list: (environment, { limit, after, state, flag, scope }) =>
        Effect.map(
          guarded("list experiments")(reads<Found>`
            select herald_experiment_json(sized.x) as stated from (
              select x, name, sum(bytes) over (order by name) - bytes as bytes_before from (
                select x, experiment_name as name, octet_length(definition) + octet_length(hypothesis) + octet_length(conclusion) + 8192 as bytes
                from experiments x where environment = ${environment} and experiment_name > ${after}
                  and (${state ?? ""} = '' or state = ${state ?? ""}) and (${flag ?? ""} = '' or flag_name = ${flag ?? ""})
                  and (${scope === undefined} or flag_name = any (${[...(scope?.names ?? [])]}::text[])
                    or exists (select from unnest(${[...(scope?.prefixes ?? [])]}::text[]) p where starts_with(flag_name, p)))
                order by experiment_name limit ${limit}
              ) x
            ) sized where bytes_before < ${PAGE_BYTES} order by name`),
          all
        ),
      history: (environment, key, { limit, before }) =>
        Effect.map(
          guarded(`read the history of the experiment ${key}`)(reads<Found>`
            select stated from (
              select stated, version, sum(bytes) over (order by version desc) - bytes as bytes_before from (
                select stated, version, octet_length(stated::text) as bytes from experiment_history
                where environment = ${environment} and experiment_name = ${key} and version < ${before ?? 2_147_483_647}
                order by version desc limit ${limit}
              ) h
            ) sized where bytes_before < ${PAGE_BYTES} order by version desc`),
          all
        ),
      sum: makeSum(other)
    })
  )
)
