import type { DeliveryRow } from "../../src/sessions/InstanceStore.ts"

/** What was sent to `i1` of `svc`, the version being the revision; with what is changed of it. */
export const deliveryRow = (revision: number, changed: Partial<DeliveryRow> = {}): DeliveryRow => ({
  environment: "production",
  service: "svc",
  instance: "i1",
  session: "r/1",
  epoch: "e",
  key: "svc",
  revision: BigInt(revision),
  version: revision,
  state: "sent",
  reason: "",
  lacks: false,
  sentAt: revision,
  answeredAt: 0,
  ...changed
})
