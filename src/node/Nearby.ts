/** What is open without an API key where nobody said so: docs/decisions/0022-anonymous.md. Pure. OK3 in src/flags/OpenFlags.ts */
import { DEFAULT_ENVIRONMENT } from "../keys/Environment.ts"
import { isLoopback } from "../net/Address.ts"
import type { Settings } from "../settings/Catalogue.ts"

type Seen = Pick<Settings, "http" | "grpc" | "database" | "flags">

/** A server as `npx herald` starts it: for this machine alone, on the database that it brought along. */
export const nearbyOf = ({ http, grpc, database }: Omit<Seen, "flags">): ReadonlyArray<string> =>
  database.url === undefined && isLoopback(http.host) && isLoopback(grpc.host) ? [DEFAULT_ENVIRONMENT] : []

/** What may be read without an API key, for people; undefined: nothing. */
export const openOf = (settings: Seen): string | undefined => {
  const { anonymous } = settings.flags
  const environments = anonymous ?? nearbyOf(settings)
  if (environments.length === 0) return undefined
  return `flags of ${environments.join(", ")}, ${anonymous === undefined ? "by programs of this machine" : "by everybody who reaches it"}`
}
