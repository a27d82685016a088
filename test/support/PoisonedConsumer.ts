/** A consumer that dies of one event, as by a fault in native code. Arguments: address, token, topic, that event. Prints each event that it has done. */
import process from "node:process"
import { Topics } from "../../src/client/HeraldClient.ts"

const [address = "", token = "", topic = "", deadly = ""] = process.argv.slice(2)

new Topics({ address, token }).topic(topic).consume(
  "s",
  (event) => {
    if (event.text() === deadly) process.kill(process.pid, "SIGKILL")
    process.stdout.write(`${event.text()}\n`)
  },
  { concurrency: 4, prefetch: 20 }
)
