/** `herald diff -f <folder>`: whether environments are what a folder says. */
import * as Effect from "effect/Effect"
import { contentChange } from "../../DiffView.ts"
import { type Invocation, invocation } from "../../Globals.ts"
import { quoted } from "../../Hints.ts"
import { plansOf } from "./Apply.ts"
import { different, orCantTell } from "./Flags.ts"
import type { Step } from "./Plan.ts"
import { readAll } from "./Server.ts"
import { type Planned, planJson, planTold } from "./Told.ts"

/** Names whose texts are shown line by line. */
const SHOWN = 100

/** What there is of these names. */
const textsOf = Effect.fnUntraced(function* (here: Invocation, environment: string, steps: ReadonlyArray<Step>) {
  const texts = new Map<string, string>()
  const names = steps.map(({ name }) => name)
  if (names.length === 0) return texts
  yield* readAll(
    here,
    environment,
    names,
    "values",
    ({ name, content }) => Effect.sync(() => void texts.set(name, content!.text)),
    (name) => Effect.sync(() => void texts.delete(name))
  )
  return texts
})

/** Line by line, from what is there to what the folder has. */
export const drift = Effect.fn("Drift.run")(function* (folder: string, env: string | undefined) {
  const here = yield* invocation
  const planned = yield* orCantTell(
    Effect.gen(function* () {
      const all: Array<Planned> = []
      for (const { local, plan } of yield* plansOf(here, folder, env, true, true)) {
        const updates = plan.steps.filter(({ parts }) => parts.includes("value")).slice(0, SHOWN)
        const before =
          here.format === "table" ? yield* textsOf(here, local.environment, updates) : new Map<string, string>()
        const painted = new Map<string, string>()
        for (const [name, text] of before) {
          const { text: after } = yield* local.contentOf(name)
          painted.set(name, yield* Effect.promise(() => contentChange(text, after, here.paint)))
        }
        all.push({ environment: local.environment, plan, differences: new Map(), clients: new Map(), painted })
      }
      return all
    })
  )
  yield* here.emit({ environments: planned.map(planJson) }, (paint) =>
    planned.map((one) => planTold(one, paint)).join("\n")
  )
  const changed = planned.filter(({ plan }) => plan.steps.length > 0)
  if (changed.length === 0) return
  const prunes = changed.some(({ plan }) => plan.steps.some(({ action }) => action === "delete"))
  const words = [
    "herald apply",
    "-f",
    folder,
    ...(env === undefined ? [] : ["--env", env]),
    ...(prunes ? ["--prune"] : [])
  ]
  return yield* different(
    `${changed.map(({ environment }) => environment).join(", ")} ${changed.length === 1 ? "is" : "are"} not what ${folder} says`,
    `To make it so: ${words.map((word, at) => (at === 0 ? word : quoted(word))).join(" ")}; to take what is there into the folder: herald export.`
  )
})
