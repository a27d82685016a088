/** An application that dies of one value, as by a fault in native code. Arguments: address, token, instance, that value. Prints each value that it gets. */
import process from "node:process"
import { HeraldClient } from "../../src/client/HeraldClient.ts"

const [address = "", token = "", instance = "", deadly = ""] = process.argv.slice(2)

await HeraldClient.connect({
  address,
  token,
  instance,
  service: "shop",
  apply: (value) => {
    process.stdout.write(`${String(value)}\n`)
    // Once the answer that it was applied is on its way.
    if (value === deadly) setTimeout(() => process.kill(process.pid, "SIGKILL"), 50)
  }
})
