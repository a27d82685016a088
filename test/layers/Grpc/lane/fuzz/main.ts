/**
 * Tries what hostile bytes do to the lane, guided by which blocks of it they reach: `npm run fuzz -- --minutes 10 --seed 1`. An input that
 * breaks what Targets.ts asserts, or takes long, ends it with 1 and is printed. `--keep` writes what reached something new into the corpus,
 * which Corpus.test.ts gives to the same targets.
 */

import { parseArgs } from "node:util"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { corpusOf, keep } from "./Corpus.ts"
import { Coverage } from "./Coverage.ts"
import { makeRandom, mutate } from "./Mutate.ts"
import { seeds, type TargetName, targets } from "./Targets.ts"

/** Inputs between two looks at what they reached. */
const BATCH = 64
/** Microseconds of CPU that one input may take: a thousand times of what it does. */
const SLOW = 500_000
/** Bytes that the process may grow by, beside its corpus. */
const GROWN = 64 * 2 ** 20

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "1" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    keep: { type: "boolean", default: false }
  }
})
const minutes = Number(values.minutes)
if (!(minutes > 0)) throw new Error("--minutes: a number above 0")

setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as () => void
const memory = () => {
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

const failed = (name: TargetName, input: Buffer, why: unknown): never => {
  console.log(`${name} failed with ${input.toString("base64")}\n${why instanceof Error ? why.stack : String(why)}`)
  process.exit(1)
}

const run = async (name: TargetName, input: Buffer): Promise<void> => {
  const before = process.threadCpuUsage()
  try {
    await targets[name](input)
  } catch (error) {
    failed(name, input, error)
  }
  const { user } = process.threadCpuUsage(before)
  if (user > SLOW) failed(name, input, `it took ${user} µs`)
}

const fuzz = async (name: TargetName, millis: number, seed: number): Promise<string> => {
  const random = makeRandom(seed)
  const coverage = new Coverage(/\/layers\/Grpc\/lane\//)
  const corpus: Array<Buffer> = []
  for (const input of [...seeds[name], ...corpusOf(name)]) {
    await run(name, input)
    if (coverage.fresh(true) > 0) corpus.push(input)
  }
  const began = { corpus: corpus.length, blocks: coverage.blocks, memory: memory() }
  const any = () => corpus[random(corpus.length)]!
  let inputs = 0
  for (const until = performance.now() + millis; performance.now() < until; ) {
    const batch = Array.from({ length: BATCH }, () => mutate(random, any(), any()))
    for (const input of batch) await run(name, input)
    inputs += BATCH
    if (coverage.fresh(false) === 0) continue
    for (const input of batch) {
      await run(name, input)
      if (coverage.fresh(true) > 0) corpus.push(Buffer.from(input))
    }
  }
  const grown = memory() - began.memory - corpus.reduce((sum, { length }) => sum + length, 0)
  if (grown > GROWN) failed(name, Buffer.alloc(0), `the process grew by ${grown} bytes in ${inputs} inputs`)
  const { blocks } = coverage
  coverage.close()
  if (values.keep) keep(name, corpus)
  return `${name}: ${inputs} inputs, ${began.blocks} → ${blocks} blocks, ${began.corpus} → ${corpus.length} kept`
}

const names = Object.keys(targets) as ReadonlyArray<TargetName>
/** The connection is most of what there is. */
const shares: Readonly<Record<TargetName, number>> = { frames: 0.15, hpack: 0.25, connection: 0.6 }
console.log(`seed ${values.seed}`)
for (const name of names) console.log(await fuzz(name, minutes * 60_000 * shares[name], Number(values.seed)))
