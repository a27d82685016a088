/**
 * A worker of a queue with dead letters: as many of these as you like share the work, each job is one's at a time, and what can't be done is put aside.
 *
 *   herald topic create jobs && herald topic create jobs/dead
 *   herald subscription create jobs mail --type shared --from earliest --max-attempts 3 --backoff 100ms --dead-letter-topic jobs/dead
 *   herald topic publish jobs '{"to":"ann@example.com","subject":"hello"}'
 *   HERALD_GRPC=127.0.0.1:50051 HERALD_TOKEN=$(cat .herald/admin-token) node work-queue.ts
 */
import process from "node:process"
import { Reject, Topics } from "../../src/client/HeraldClient.ts" // yours: @herald/client

interface Job {
  readonly to: string
  readonly subject: string
}

const send = async ({ to, subject }: Job): Promise<void> => {
  if (!to.includes("@")) throw new Reject(`${to} is no address`) // never will be: aside at once
  if (to.startsWith("busy")) throw new Error("the mail server is busy") // perhaps later: three times in all
  console.log(`sent ${subject} to ${to}`)
}

const topics = new Topics({
  address: process.env["HERALD_GRPC"] ?? "127.0.0.1:50051",
  token: process.env["HERALD_TOKEN"]
})
const work = topics.topic("jobs").consume("mail", (event) => send(event.json<Job>()), {
  concurrency: 8,
  onReconnect: ({ message }) => console.error("not connected:", message)
})
// What runs is finished, what waits is handed to another worker.
process.once("SIGTERM", () => void work.close().then(() => topics.close()))
await work.done
