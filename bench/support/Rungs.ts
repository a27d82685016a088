/** The rungs of bench/scale.ts. Pure. */
export interface Rung {
  readonly name: string
  readonly keys: number
  /** The keys are spread over so many services; client n is of service n modulo that. */
  readonly services: number
  readonly clients: number
  /** Rows that are there from before, besides those of the keys. */
  readonly revisions: number
  readonly deliveries: number
  readonly instances: number
  readonly audit: number
  /** What must not be exceeded: milliseconds that the event loop may stand still. */
  readonly stall: number
}

const rung = (name: string, of: Omit<Rung, "name">): readonly [string, Rung] => [name, { name, ...of }]

export const rungs: Readonly<Record<string, Rung>> = Object.fromEntries([
  rung("short", {
    keys: 5_000,
    services: 10,
    clients: 100,
    revisions: 20_000,
    deliveries: 100_000,
    instances: 5_000,
    audit: 20_000,
    stall: 100
  }),
  rung("1k", {
    keys: 1_000,
    services: 2,
    clients: 1_000,
    revisions: 10_000,
    deliveries: 100_000,
    instances: 10_000,
    audit: 10_000,
    stall: 100
  }),
  rung("10k", {
    keys: 10_000,
    services: 20,
    clients: 1_000,
    revisions: 100_000,
    deliveries: 1_000_000,
    instances: 50_000,
    audit: 100_000,
    stall: 100
  }),
  rung("100k", {
    keys: 100_000,
    services: 200,
    clients: 1_000,
    revisions: 1_000_000,
    deliveries: 10_000_000,
    instances: 500_000,
    audit: 1_000_000,
    stall: 100
  }),
  rung("fleet", {
    keys: 100_000,
    services: 10_000,
    clients: 10_000,
    revisions: 100_000,
    deliveries: 1_000_000,
    instances: 50_000,
    audit: 100_000,
    stall: 250
  })
])
