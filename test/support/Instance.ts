/** What a node notes of its clients. */
import type { DeliveryRow, HealthNote, InstanceNote } from "../../src/fleet/Instance.ts"

const id = (service: string) => ({ environment: "production", service, instance: "i1" })

export const instance = (service: string, changed: Partial<InstanceNote> = {}): InstanceNote => ({
  ...id(service),
  state: "connected",
  labels: { region: "eu" },
  patterns: ["svc", "svc.*"],
  connectedAt: 1_000,
  lastSeen: 1_000,
  ending: "",
  node: "n1",
  session: "r1/1",
  owner: "",
  opening: true,
  empty: false,
  ...changed
})

/** Version 1 of the key `svc`, sent. */
export const delivery = (service: string, changed: Partial<DeliveryRow> = {}): DeliveryRow => ({
  ...id(service),
  session: "r1/1",
  key: "svc",
  epoch: "e",
  revision: 10n,
  version: 1,
  state: "sent",
  reason: "",
  lacks: false,
  sentAt: 5_000,
  answeredAt: 0,
  ...changed
})

export const health = (service: string, changed: Partial<HealthNote> = {}): HealthNote => ({
  ...id(service),
  epoch: "e",
  revision: 10n,
  health: "healthy",
  message: "",
  metrics: {},
  owner: "",
  reportedAt: 6_000,
  ...changed
})
