/**
 * Says again, in a few lines at the end of what nobody reads whole, which tests failed and where the time went:
 * `node .ci/summary.ts <Vitest's JSON> [step that failed…]`. At most 2 KB, so that the end of a log has all of it.
 */
import { readFileSync } from "node:fs"
import { relative } from "node:path"

interface File {
  readonly name: string
  readonly message: string
  /** Milliseconds. */
  readonly startTime: number
  readonly endTime: number
  readonly assertionResults: ReadonlyArray<{ readonly fullName: string; readonly status: string }>
}

/** Of each kind. */
const LINES = 6
const SLOWEST = 10
const WIDTH = 110

const short = (text: string): string => (text.length > WIDTH ? `${text.slice(0, WIDTH - 1)}…` : text)
const pathOf = ({ name }: File): string => relative(process.cwd(), name)
const listed = (title: string, lines: ReadonlyArray<string>, most: number): void => {
  if (lines.length === 0) return
  console.log(`== ${title}`)
  for (const line of lines.slice(0, most)) console.log(short(line))
  if (lines.length > most) console.log(`and ${lines.length - most} more`)
}

/** Empty where there is no report: then the step of the tests has failed, and said so. */
const filesOf = (path: string): ReadonlyArray<File> => {
  try {
    return (JSON.parse(readFileSync(path, "utf8")) as { readonly testResults: ReadonlyArray<File> }).testResults
  } catch {
    return []
  }
}

const [report, ...steps] = process.argv.slice(2)
const files = filesOf(report ?? "")
const failed = files.flatMap((file) => {
  const tests = file.assertionResults.filter(({ status }) => status === "failed").map(({ fullName }) => fullName)
  const names = tests.length === 0 && file.message !== "" ? [file.message.split("\n")[0]!] : tests
  return names.map((name) => `${pathOf(file).replace("test/", "")}: ${name}`)
})
const slowest = files
  .map((file) => [(file.endTime - file.startTime) / 1_000, pathOf(file)] as const)
  .sort(([a], [b]) => b - a)
  .map(([seconds, path]) => `${seconds.toFixed(0).padStart(4)} s  ${path}`)
listed("the slowest files", slowest.slice(0, SLOWEST), SLOWEST)
listed("tests that failed", failed, LINES)
listed("steps that failed", steps, LINES)
