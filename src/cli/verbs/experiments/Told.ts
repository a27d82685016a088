/** How experiments are told. Pure. */
import type { ChangedExperiment, Experiment, WithResults } from "../../../edge/http/experiments/Wire.ts"
import { printable } from "../../../text/Printable.ts"
import type { Paint } from "../../Paint.ts"
import { facts, fits, table, time } from "../../Table.ts"
import { plot } from "./Plot.ts"

type Results = NonNullable<WithResults["results"]>
type Metric = Results["metrics"][number]
type Arm = Metric["arms"][number]
type Bounds = Arm["value"]

const DAY = 86_400_000
/** "7 d". */
export const span = (millis: number): string => {
  if (millis >= DAY)
    return `${Math.floor(millis / DAY)} d${millis % DAY >= 3_600_000 ? ` ${Math.floor((millis % DAY) / 3_600_000)} h` : ""}`
  return millis >= 3_600_000 ? `${Math.floor(millis / 3_600_000)} h` : `${Math.max(0, Math.floor(millis / 60_000))} min`
}

const digits = (value: number): string =>
  Math.abs(value) >= 100 ? value.toFixed(0) : Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(2)
const percent = (value: number): string => `${digits(100 * value)} %`
export const signed = (value: number): string => `${value > 0 ? "+" : ""}${digits(100 * value)} %`

const between = ({ estimate, low, high }: Bounds, say: (value: number) => string): readonly [string, string] => {
  if (estimate === null) return ["-", ""]
  if (low === null && high === null) return [say(estimate), "(not known yet)"]
  return [say(estimate), `(${low === null ? "?" : say(low)} to ${high === null ? "?" : say(high)})`]
}

export const what = ({ kind, event, windowMillis, cap, better }: Omit<Metric, "arms" | "primary">): string =>
  `${kind === "conversion" ? `who did ${event}` : `${event} per unit`} within ${span(windowMillis)}${cap === null ? "" : `, at most ${cap}`}${better === "less" ? ", less is better" : ""}`

const verdict = ({ verdict }: Arm, paint: Paint): ((text: string) => string) | undefined =>
  verdict === "better"
    ? paint.green
    : verdict === "worse"
      ? paint.red
      : verdict === "unclear"
        ? paint.yellow
        : undefined

/** Units of a variant from which on somebody should have done it. */
const ENOUGH = 100

const metric = (found: Metric, paint: Paint, room: number, unicode: boolean): string => {
  const value = found.kind === "conversion" ? percent : digits
  const said = found.arms.map((row) => ({
    row,
    rate: between(row.value, value),
    lift: row.lift === null ? (["-", ""] as const) : between(row.lift, signed)
  }))
  const first = (only: boolean, text: string) => (only ? text : "")
  const drawn = (lines: ReadonlyArray<{ row: Arm; rate: string; lift: string; first: boolean }>, most: number) =>
    table(
      lines,
      [
        { title: "VARIANT", value: (line) => first(line.first, line.row.variant), paint: () => paint.bold },
        { title: "UNITS", value: (line) => first(line.first, String(line.row.units)), right: true },
        {
          title: found.kind === "conversion" ? "DID IT" : "TOTAL",
          value: ({ first: is, row }) => first(is, found.kind === "conversion" ? String(row.total) : digits(row.total)),
          right: true
        },
        { title: found.kind === "conversion" ? "RATE" : "MEAN", value: ({ rate }) => rate },
        { title: "LIFT", value: ({ lift }) => lift },
        { title: "", value: (line) => first(line.first, line.row.verdict), paint: ({ row }) => verdict(row, paint) }
      ],
      paint,
      most
    )
  const one = drawn(
    said.map(({ row, rate, lift }) => ({ row, rate: rate.join(" ").trim(), lift: lift.join(" ").trim(), first: true })),
    Number.POSITIVE_INFINITY
  )
  // An interval is what it is all about, so it is put below rather than cut.
  const rows = fits(one, room)
    ? one
    : drawn(
        said.flatMap(({ row, rate, lift }) =>
          ([0, 1] as const)
            .map((nth) => ({ row, rate: rate[nth], lift: lift[nth], first: nth === 0 }))
            .filter((line) => line.first || line.rate + line.lift !== "")
        ),
        room
      )
  const nobody = found.arms.every(({ total }) => total === 0) && found.arms.some(({ units }) => units >= ENOUGH)
  const lines = plot(found.arms, paint, room, unicode)
  return [
    `${paint.bold(printable(found.name))}${found.primary ? " decides" : ""}${paint.dim(`: ${printable(what(found))}`)}`,
    rows,
    ...(nobody
      ? [paint.yellow(`no event ${printable(found.event)} has come of them: is that what it is called?`)]
      : []),
    ...(lines === "" ? [] : [lines])
  ].join("\n")
}

const ratio = ({ sampleRatio, arms }: Results, paint: Paint): string =>
  sampleRatio.mismatch
    ? paint.red(
        `people do not come by their shares (p = ${sampleRatio.p.toPrecision(2)}): ${arms
          .map(({ variant, units, expected }) => `${printable(variant)} ${units}, not ${Math.round(expected)}`)
          .join("; ")}. Nothing that is below can be believed: find out who is missing.`
      )
    : paint.dim(`people come by their shares (p = ${sampleRatio.p.toPrecision(2)})`)

const state = (found: Experiment, paint: Paint): string =>
  found.state === "running" ? paint.green("running") : paint.dim("stopped")

export const results = (found: WithResults, now: number, paint: Paint, room: number, unicode: boolean): string => {
  const { experiment, environment, flag, flagVersion, startedAt, endedAt, winner, results: its } = found
  const head = `${paint.bold(printable(experiment))} in ${printable(environment)} ${state(found, paint)} ${span((endedAt ?? now) - startedAt)}, flag ${printable(flag)} (version ${flagVersion})`
  const conclusion =
    endedAt === null
      ? []
      : [
          `${winner === null ? "no winner" : `${paint.bold(printable(winner))} won`}${found.conclusion === "" ? "" : `: ${printable(found.conclusion)}`}`
        ]
  if (its === null) return [head, ...conclusion, "its results could not be had when it was stopped"].join("\n")
  const sure = `${Number((100 * (1 - its.alpha)).toFixed(3))} % at any time`
  return [
    head,
    ...conclusion,
    `${its.units} units${its.mixed === 0 ? "" : paint.yellow(`, and ${its.mixed} that saw two variants, who are left out`)}; intervals hold ${sure}`,
    ratio(its, paint),
    ...its.notes.map((note) => paint.yellow(printable(note))),
    ...its.metrics.map((one) => `\n${metric(one, paint, room, unicode)}`)
  ].join("\n")
}

const shares = ({ arms }: Experiment): string => {
  const whole = arms.reduce((sum, { share }) => sum + share, 0)
  return arms.map(({ variant, share }) => `${variant} ${digits((100 * share) / whole)} %`).join(", ")
}

export const whole = (found: Experiment, paint: Paint): string =>
  `${paint.bold(printable(found.experiment))} in ${printable(found.environment)} ${state(found, paint)}\n${facts(
    [
      ["flag", `${found.flag} (version ${found.flagVersion})`],
      ["variants", `${shares(found)} (the first is the control)`],
      ["takes part", `${found.traffic} %${found.layer === null ? "" : ` of the layer ${found.layer}`}`],
      ...found.metrics.map((one, at): [string, string] => [at === 0 ? "decides" : "", `${one.name}: ${what(one)}`]),
      ["hypothesis", found.hypothesis],
      ["started", `${time(found.startedAt)} by ${found.startedBy}`],
      ["stopped", found.endedAt === null ? "" : `${time(found.endedAt)} by ${found.endedBy}`],
      ["winner", found.endedAt === null ? "" : (found.winner ?? "none")],
      ["conclusion", found.conclusion]
    ],
    paint
  )}`

export const changed = (verb: string, found: ChangedExperiment, paint: Paint): string =>
  [
    `${paint.green(verb)} ${paint.bold(printable(found.experiment))} in ${printable(found.environment)}: ${printable(shares(found))} of the flag ${printable(found.flag)} (version ${found.flagVersion})`,
    ...(found.replayed ? [paint.yellow("nothing was written now: this idempotency key had this result before")] : []),
    ...found.warnings.map((one) => `${paint.yellow("note")} ${printable(one)}`),
    ...(found.state === "running"
      ? [paint.dim(`look at it with herald experiment results ${printable(found.experiment)}`)]
      : [])
  ].join("\n")
