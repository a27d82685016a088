/** A lease as SQL takes it, where a statement works under one. */
import type { Lease } from "../../../src/leases/Leases.ts"

/** As the fence reads it; JSON has no bigint. */
export const asFence = ({ token, ...lease }: Lease): string => JSON.stringify({ ...lease, token: String(token) })

/** An interval. */
export const millis = (n: number): string => `${n} milliseconds`
