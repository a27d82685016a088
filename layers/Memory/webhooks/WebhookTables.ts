/** Holds webhooks that are due or were settled, and for whom. */
export interface HeldWebhook {
  readonly id: string
  readonly target: string
  readonly record: string
  state: "waiting" | "failed" | "delivered" | "dead"
  attempts: number
  dueAt: number
  problem: string
  createdAt: number
  settledAt: number | undefined
}

export class WebhookTables {
  readonly webhooks = new Map<string, HeldWebhook>()
  /** Since when each target is known: milliseconds since 1970. */
  readonly targets = new Map<string, number>()
}
