/** How rollouts are told. Pure. */
import type { Look, Rollout, RolloutPreview } from "../../../edge/http/rollouts/Wire.ts"
import { isOver as isOverIn, wordOf as wordIn } from "../../../rollouts/Rollout.ts"
import { spanText } from "../../../text/Amounts.ts"
import { printable } from "../../../text/Printable.ts"
import { bar } from "../../Bar.ts"
import type { Paint } from "../../Paint.ts"
import { ago, cutLine, TEXT, table, time } from "../../Table.ts"
import { validated } from "../configuration/Outcome.ts"

type State = Rollout["state"]

export const isOver = ({ state }: Pick<Rollout, "state">): boolean => isOverIn(state)

export const wordOf = ({ state }: Pick<Rollout, "state">): string => wordIn(state)

export const colourOf = (state: State, paint: Paint): ((text: string) => string) =>
  state === "completed"
    ? paint.green
    : state === "rolled_back" || state === "aborted"
      ? paint.red
      : state === "deploying" || state === "baking"
        ? paint.cyan
        : paint.yellow

type Target = Rollout["targets"][number]

/** "user-service 41 → 42", "flag new-checkout (new) → 1". */
const changeOf = ({ kind, key, base, version }: Target): string =>
  `${kind === "configuration" ? "" : `${kind} `}${key} ${base === 0 ? "new" : base}${version === 0 ? "" : ` → ${version}`}`

export const gist = ({ targets }: Pick<Rollout, "targets">): string =>
  targets.length <= 3
    ? targets.map(changeOf).join(", ")
    : `${targets.slice(0, 2).map(changeOf).join(", ")} and ${targets.length - 2} more`

export const stageOf = ({ stage, stages }: Rollout): string =>
  stage === 0
    ? `before the first of ${stages.length}`
    : `stage ${stage} of ${stages.length} (${stages[stage - 1]!.text})`

const counted = ["offered", "delivered", "applied", "healthy", "unhealthy", "rejected", "lost"] as const

const countOf = (counts: Look["counts"], name: string): number => Number(counts?.[name] ?? 0)

/** "delivered 1, healthy 20"; "" where nothing is known. */
export const countsOf = (counts: Look["counts"]): string => {
  if (counts === null) return ""
  const said = counted.flatMap((name) => (countOf(counts, name) === 0 ? [] : [`${name} ${countOf(counts, name)}`]))
  return said.length === 0 ? "nobody yet" : said.join(", ")
}

/** As of this server's time. */
export interface View {
  /** Milliseconds since 1970. */
  readonly now: number
  /** Characters of a line. */
  readonly room: number
  readonly blocks: boolean
  /** Few lines: what gates say is cut. */
  readonly low?: boolean
  /** With what to type next. */
  readonly next?: boolean
}

const BAR = 20

const inStage = (found: Rollout, nth: number): string => {
  if (nth + 1 < found.stage) return "done"
  if (nth + 1 > found.stage) return ""
  if (found.state === "completed") return "done"
  return wordOf(found)
}

/** What is left of what it waits for. */
const leftOf = (found: Rollout, nth: number, { now, blocks }: View): string => {
  const { state, stage, stages, untilAt, at, deadlineMillis } = found
  const one = stages[nth]!
  if (nth + 1 !== stage || untilAt === null || (state !== "baking" && state !== "deploying"))
    return one.begunAt === null && !isOver(found) ? `bakes ${spanText(one.bakeMillis)}` : ""
  const whole = Math.max(1, state === "baking" ? untilAt - at : deadlineMillis)
  const left = Math.max(0, untilAt - now)
  const of =
    state === "baking" ? `${spanText(left)} left of ${spanText(whole)}` : `${spanText(left)} until its deadline`
  return `${bar(1 - left / whole, BAR, blocks)} ${of}`
}

/** Stages that are shown of many: those around the one that it is in. */
const SHOWN = 12

const stagesOf = (found: Rollout, view: View, paint: Paint): string => {
  const from = Math.max(0, Math.min(found.stages.length - SHOWN, found.stage - SHOWN / 2))
  const rows = found.stages.map((stage, nth) => ({ stage, nth })).slice(from, from + SHOWN)
  const shown = table(
    rows,
    [
      { title: "STAGE", value: ({ nth }) => String(nth + 1), right: true },
      { title: "WHO", value: ({ stage }) => stage.text + (stage.approval ? ", then a person" : ""), text: 12 },
      {
        title: "STATE",
        value: ({ nth }) => inStage(found, nth),
        paint: ({ nth }) => (nth + 1 === found.stage ? colourOf(found.state, paint) : paint.green)
      },
      { title: "TIME", value: ({ nth }) => leftOf(found, nth, view), text: 12 }
    ],
    paint,
    view.room
  )
  return found.stages.length > SHOWN ? `${shown}\n${paint.dim(`of ${found.stages.length} stages`)}` : shown
}

const COHORT = "cohort"

const cohortOf = (counts: Look["counts"], room: number, paint: Paint): string => {
  if (counts === null) return ""
  const bad = new Set<string>(["unhealthy", "rejected", "lost"])
  let [text, used] = [paint.dim(COHORT), COHORT.length]
  for (const name of counted) {
    const many = countOf(counts, name)
    const said = `${name} ${many}`
    const fits = used + 2 + said.length <= room
    text += `${fits ? "" : `\n${" ".repeat(COHORT.length)}`}  ${many === 0 ? paint.dim(said) : bad.has(name) ? paint.red(said) : said}`
    used = (fits ? used : COHORT.length) + 2 + said.length
  }
  return text
}

/** The least that a reading is broken into. */
const READING = 24

const gatesOf = (readings: Look["readings"], { room, low }: View, paint: Paint): string => {
  if (readings.length === 0) return ""
  const named = ({ gate, dryRun }: Look["readings"][number]) =>
    printable(dryRun && !/dry[ -]?run/i.test(gate) ? `${gate} (dry run)` : gate)
  const most = Math.floor(room / 2)
  const widest = Math.max(...readings.map((one) => Math.min(most, named(one).length)))
  const left = Math.max(READING, room - widest - "unknown".length - 4)
  const rows = readings.flatMap((one) =>
    (low ? [one.text] : reasonLines(one.text, left)).map((text, nth) => ({ one, text, first: nth === 0 }))
  )
  return table(
    rows,
    [
      {
        title: "GATE",
        value: ({ one, first }) => (first ? named(one) : ""),
        text: 12
      },
      {
        title: "IS",
        value: ({ one, first }) => (first ? one.verdict : ""),
        paint: ({ one: { verdict, dryRun } }) =>
          verdict === "good" ? paint.green : verdict === "bad" && !dryRun ? paint.red : paint.yellow
      },
      { title: "READING", value: ({ text }) => text, text: 12 }
    ],
    paint,
    room
  )
}

/** Lines that fit, each coloured as a whole. */
const line = (text: string, room: number, paint: (text: string) => string): string =>
  paint(cutLine(printable(text), Number.isFinite(room) ? room : 0))

const as = (text: string): string => text

/** The whole of it, as it is now. */
export const whole = (found: Look, view: View, paint: Paint): string => {
  const { id, environment, state, reason, examples, readings, counts, message, startedBy, startedAt, plan, at, waits } =
    found
  const { room, now } = view
  const where = isOver(found) || found.stage === 0 ? "" : `, ${stageOf(found)}`
  return [
    `${paint.bold(printable(id))} in ${printable(environment)} ${colourOf(state, paint)(wordOf(found))}${printable(where)}`,
    line(gist(found), room, as),
    line(
      `${startedBy} started it ${ago(startedAt, now)}${plan === null ? "" : `, by the plan ${plan}`}${message === "" ? "" : `: ${message}`}`,
      room,
      paint.dim
    ),
    ...(state === "scheduled" && found.untilAt !== null && found.untilAt > now
      ? [`begins ${time(found.untilAt)}`]
      : []),
    "",
    stagesOf(found, view, paint),
    ...[cohortOf(counts, room, paint), gatesOf(readings, view, paint)]
      .filter((text) => text !== "")
      .flatMap((text) => ["", text]),
    ...examples.map(({ service, instance, is, reason: why }) =>
      line(`  ${service}/${instance} ${is}${why === "" ? "" : `: ${why}`}`, room, paint.red)
    ),
    "",
    ...reasonLines(`${wordOf(found)} ${ago(at, now)}: ${reason}`, room).map((text) => colourOf(state, paint)(text)),
    ...(waits === "" || state === "paused" ? [] : reasonLines(`waits: ${waits}`, room).map(paint.dim)),
    ...(view.next === true ? reasonLines(nextOf(found), room).map(paint.dim) : [])
  ].join("\n")
}

/** A reason is never cut: it is why. */
const reasonLines = (text: string, room: number): ReadonlyArray<string> => {
  const said = printable(text)
  if (!Number.isFinite(room) || room < 20) return [said]
  const lines: Array<string> = []
  for (const word of said.split(" ")) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= room) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}

/** One line, for where nothing can be redrawn. */
export const oneLine = (found: Look): string => {
  const known = countsOf(found.counts)
  const bad = found.readings
    .filter(({ verdict }) => verdict !== "good")
    .map(({ gate, verdict }) => `${gate} is ${verdict}`)
  return printable(
    `${time(found.at)} ${found.id} ${wordOf(found)}${found.stage === 0 ? "" : `, ${stageOf(found)}`}${known === "" ? "" : `: ${known}`}${bad.length === 0 ? "" : `; ${bad.join(", ")}`}${isOver(found) || found.state === "paused" ? `; ${found.reason}` : ""}`
  )
}

const beginsAtOnce = ({ untilAt, at }: Pick<Rollout, "untilAt" | "at">): boolean => untilAt === null || untilAt <= at

/** What to type next. */
export const nextOf = (found: Pick<Rollout, "id" | "environment" | "state" | "untilAt" | "at">, waits = ""): string => {
  const { id, environment, state } = found
  const env = ` --env ${environment}`
  switch (state) {
    case "scheduled":
      return `${beginsAtOnce(found) && waits === "" ? "follow it with herald rollout watch" : "begin it now with herald rollout promote"} ${id}${env}, call it off with herald rollout abort ${id}${env}`
    case "deploying":
    case "baking":
      return `follow it with herald rollout watch ${id}${env}, stop it with herald rollout pause ${id}${env} or abort`
    case "paused":
      return `go on with herald rollout resume ${id}${env} or promote, take it back with herald rollout abort ${id}${env}`
    default:
      return `how it went: herald rollout history ${id}${env}`
  }
}

const whereOf = (found: Rollout): string => {
  if (found.stage > 0) return `, ${stageOf(found)}`
  if (found.state !== "scheduled") return ", before its first stage"
  return beginsAtOnce(found) ? ", to begin at once" : ` for ${time(found.untilAt)}`
}

/** What became of a request. `waits`: what it waits for. */
export const told = (verb: string, found: Rollout & { readonly replayed: boolean }, paint: Paint, waits = ""): string =>
  [
    found.replayed
      ? `${paint.yellow("nothing was changed now:")} ${paint.bold(printable(found.id))} is ${wordOf(found)}`
      : `${paint.green(verb)} ${paint.bold(printable(found.id))} in ${printable(found.environment)}: ${printable(gist(found))}`,
    `${colourOf(found.state, paint)(wordOf(found))}${printable(whereOf(found))}: ${printable(found.stages.map(({ text }) => text).join(", "))}`,
    ...(waits === "" ? [] : [paint.yellow(printable(`waits: ${waits}`))]),
    paint.dim(printable(nextOf(found, waits)))
  ].join("\n")

/** What would become of it. `raised`: the variant that shares of people get, wherever they are. */
export const previewed = (answer: RolloutPreview, raised: string | undefined, paint: Paint): string =>
  [
    validated(answer, paint),
    "",
    table(
      answer.reach.map((one, nth) => ({ ...one, nth })),
      [
        { title: "STAGE", value: ({ nth }) => String(nth + 1), right: true },
        { title: "WHO", value: ({ stage }) => stage, text: TEXT },
        raised === undefined
          ? { title: "CONNECTED NOW", value: ({ named, within }) => `${within} of ${named} that it names` }
          : { title: "GETS", value: ({ stage }) => `${raised}, by targeting key: ${stage} of all contexts` }
      ],
      paint
    ),
    answer.gates.length === 0
      ? paint.yellow("no gate: it goes on whatever happens")
      : `gates: ${printable(answer.gates.join("; "))}`
  ].join("\n")
