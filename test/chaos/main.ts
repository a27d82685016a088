/** `npm run chaos -- --seed N --minutes M --no-kafka`: the latter has no faults of Kafka. Exits 1 and prints the seed and the schedule when a promise was broken. */
import { parseArgs } from "node:util"
import { run } from "./Chaos.ts"

const { values } = parseArgs({
  options: { seed: { type: "string" }, minutes: { type: "string" }, kafka: { type: "boolean", default: true } },
  allowNegative: true
})
const seed = Number(values.seed ?? Date.now() % 1_000_000)
const minutes = Number(values.minutes ?? 1)
if (!Number.isInteger(seed) || !(minutes > 0)) throw new Error("--seed: a whole number; --minutes: a number above 0")
process.stdout.write(`seed ${seed}, ${minutes} minutes\n`)
const { schedule, published, rollouts, events, deliveries, wrong } = await run({
  seed,
  millis: minutes * 60_000,
  kafka: true
})
const work = `${events} events acked, ${deliveries.all} deliveries to consumers (${deliveries.again} again)`
process.stdout.write(
  `${schedule.length} faults, ${published} publishes acked, ${rollouts} rollouts, ${work}, ${wrong.length} promises broken\n`
)
if (wrong.length > 0) process.stdout.write(`seed ${seed}\n${[...schedule, "", ...wrong].join("\n")}\n`)
process.exitCode = wrong.length > 0 ? 1 : 0
