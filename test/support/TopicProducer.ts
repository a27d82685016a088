/**
 * A process that publishes numbered events until it is killed, and says the number of each that is acked. Arguments: address, token, topic, the number
 * to begin with, and a file for what is not published yet; with "", it numbers its events itself.
 */
import process from "node:process"
import { topicsAt } from "./TopicPrograms.ts"

const [address, token, name, first, file] = process.argv.slice(2) as [string, string, string, string, string]
const topics = topicsAt(address, token)
const producer = await topics.topic(name).producer({ id: "killed", ...(file === "" ? {} : { file }) })
for (let n = Number(first); ; n++) {
  const own = file === "" ? { partition: 0, sequence: n } : { partition: 0 }
  const sent = producer.send([{ payload: `${n}` }], own)
  void sent.then(() => process.stdout.write(`${n}\n`))
  if (n % 100 === 0) await sent // what is under way is bounded
}
