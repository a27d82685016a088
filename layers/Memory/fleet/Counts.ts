/** Counts the instances of a `State`, as PostgreSQL does. */
import { shown } from "../../../src/fleet/Facts.ts"
import type { Counted } from "../../../src/fleet/Instance.ts"
import { type InstanceId, instanceKey } from "../../../src/fleet/Instance.ts"
import type { CountOptions } from "../../../src/fleet/InstanceStore.ts"
import { coveredBy } from "../../../src/keys/Pattern.ts"
import type { FleetTables } from "./FleetTables.ts"

/** Rows that are equal, as one row with their number. */
const together = <Row>(rows: ReadonlyArray<Row>): ReadonlyArray<Row & { readonly clients: number }> => {
  const found = new Map<string, Row & { readonly clients: number }>()
  for (const row of rows) {
    const id = JSON.stringify(row, (_, value) => (typeof value === "bigint" ? String(value) : value))
    found.set(id, { ...row, clients: (found.get(id)?.clients ?? 0) + 1 })
  }
  return [...found.values()]
}

const has = <At extends { readonly epoch: string; readonly revision: bigint; readonly version: number }>(
  at: At | undefined
) => (at === undefined ? undefined : { epoch: at.epoch, revision: at.revision, version: at.version })

export const count = (fleet: FleetTables, epoch: string, options: CountOptions): Counted => {
  const { environment, service, key, after, limit } = options
  const order = (a: InstanceId, b: InstanceId) => (instanceKey(a) < instanceKey(b) ? -1 : 1)
  const page = [...fleet.instances.values()]
    .filter((row) => environment === undefined || row.environment === environment)
    .filter((row) => service === undefined || row.service === service)
    .filter((row) => key === undefined || coveredBy(row.patterns, key))
    .filter((row) => after === undefined || order(after, row) < 0)
    .filter((row) => after === undefined || instanceKey(after) !== instanceKey(row))
    .sort(order)
    .slice(0, limit)
  const connected = page.filter(({ state }) => state === "connected")
  const services = together(page.map(({ environment, service }) => ({ environment, service })))
  const last = page.at(-1)
  return {
    services: services.map(({ clients, ...of }) => {
      const here = connected.filter((row) => row.environment === of.environment && row.service === of.service).length
      return { ...of, connected: here, away: clients - here }
    }),
    patterns: together(connected.map(({ environment, service, patterns }) => ({ environment, service, patterns }))),
    keys: together(
      connected.flatMap((row) =>
        [...fleet.facts.values()]
          .filter((one) => one.of === instanceKey(row) && (key === undefined || one.key === key))
          .map((one) => {
            const { applied, rejected, problem } = shown(one.registers, row.emptied, epoch)
            const { environment, service } = row
            return {
              environment,
              service,
              key: one.key,
              applied: has(applied),
              rejected: has(rejected),
              problem: has(problem && { ...problem, version: 0 })
            }
          })
      )
    ),
    next:
      page.length < limit || last === undefined
        ? undefined
        : { environment: last.environment, service: last.service, instance: last.instance }
  }
}
