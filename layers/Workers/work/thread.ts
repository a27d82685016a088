/** The worker thread: does one job after the other. It never touches Herald's state, so it can be ended at any time. */
import { parentPort } from "node:worker_threads"
import { readers } from "../../../src/flags/Checking.ts"
import { type Job, perform } from "../../../src/work/Job.ts"
import type { Heard } from "../../../src/work/Threads.ts"
import { makeSchemaCheck } from "./Schemas.ts"

Error.stackTraceLimit = 0 // YAML that is full of errors would make a stack trace for each

const say = (heard: Heard): void => parentPort?.postMessage(heard)
const check = makeSchemaCheck()

// The first schema of all costs a second of compiling the compiler: nobody's time limit should pay for it.
perform(
  { kind: "read", type: "json", text: "{}", schema: '{"type":"object"}', want: "nothing", stored: false },
  check,
  () => {}
)

parentPort?.on("message", (job: Job) =>
  say({ _tag: "Answered", answer: perform(job, check, (stage) => say({ _tag: "Entered", stage }), readers) })
)
parentPort?.postMessage("ready")
