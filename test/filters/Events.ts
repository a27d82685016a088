/** Events as filters see them. */
import type { FilteredEvent } from "../../src/filters/Filters.ts"

export const event = ({
  payload = "{}",
  ...rest
}: Partial<Omit<FilteredEvent, "payload">> & { readonly payload?: string }): FilteredEvent => ({
  topic: "trades",
  partition: 3,
  offset: 41,
  key: null,
  headers: new Map(),
  publishedAt: Date.UTC(2026, 10, 27, 9, 30),
  ...rest,
  payload: new TextEncoder().encode(payload)
})
