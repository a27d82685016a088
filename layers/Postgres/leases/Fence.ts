/** Writes a lease as SQL takes it, for statements that work under one. */
import type { Lease } from "../../../src/leases/Leases.ts"

/** As the fence in SQL reads it: with the token as text, as JSON has no bigint. */
export const asFence = ({ token, ...lease }: Lease): string => JSON.stringify({ ...lease, token: String(token) })

/** Milliseconds as an interval of SQL. */
export const millis = (n: number): string => `${n} milliseconds`
