/** Makes the error of a `connect` that has neither a server nor a local value. Pure. */
import type { Checked } from "./CheckedOptions.ts"
import { ConnectError } from "./ClientError.ts"
import { errors } from "./Errors.ts"
import type { Ended } from "./Transport.ts"

/** `last`: how the last stream ended; undefined when none did. */
export const gaveUp = (
  { addresses, connectTimeoutMillis, waitForSync }: Checked,
  last: Ended | undefined
): ConnectError => {
  const why = last === undefined ? `no answer in ${connectTimeoutMillis} ms` : last.message
  const fix = waitForSync
    ? "or allow local values with waitForSync: false."
    : "or give lastKnownGood, bootstrap or defaults to start without a server."
  const text = `${addresses.join(", ")} did not send the configuration: ${why}. Check the address, the port and the token, ${fix}`
  return new ConnectError(last?.code ?? errors.NotConnected.code, text, last?.status)
}
