/**
 * docs/messages.md: every text that a person may be told, read from the sources, so that a change of one is seen.
 *
 *   MS1  A text has the form of its kind: what happened is no sentence and has no code, for both stand around it; a fix is a sentence.
 */
import { type Call, callsOf } from "../../test/support/Syntax.ts"
import type { Tree } from "../../test/support/Tree.ts"
import { inOrder } from "./errors.ts"
import { catalogue } from "./settingsGroups.ts"

export interface Message {
  readonly file: string
  /** `failure`: what happened this time, behind "what". `fix`: what to do. `log`: a line of the log. `title`: a heading. */
  readonly kind: "failure" | "fix" | "title" | "log"
  /** The name of the error, or the level of the line. */
  readonly under: string
  /** `${…}` where something is put in. */
  readonly text: string
}

const LOGS: Readonly<Record<string, string>> = {
  "Effect.logInfo": "info",
  "Effect.logWarning": "warn",
  "Effect.logError": "error",
  every: "debug, error for a defect",
  afterEvery: "debug, error for a defect",
  always: "debug, error for a defect"
}
const NAMES = new Set([
  ...Object.keys(LOGS),
  "failure",
  "Conflict",
  "Overtaken",
  "unusable",
  "usage",
  "known",
  "new CliFailure",
  "CliFailure",
  "notice"
])

const textsOf = (given: Call["given"][number]): ReadonlyArray<string> =>
  typeof given === "string" ? given.split(" | ") : []

const ofCall = (file: string, { name, given }: Call): ReadonlyArray<Message> => {
  const of = (kind: Message["kind"], under: string, texts: ReadonlyArray<string>) =>
    texts.map((text) => ({ file, kind, under, text }))
  const object = (place: number) => (typeof given[place] === "object" ? given[place] : {})
  const first = typeof given[0] === "string" ? given[0] : ""
  if (name in LOGS) return of("log", LOGS[name]!, textsOf(given[0]))
  switch (name) {
    case "failure":
      return of("failure", first, textsOf(given[1]))
    case "Conflict":
    case "Overtaken": {
      const { name: error, message } = object(0)
      return of("failure", typeof error === "string" ? error : "", textsOf(message))
    }
    case "usage":
      return [...of("failure", "usage", textsOf(given[0])), ...of("fix", "usage", textsOf(given[1]))]
    case "known":
      return [...of("failure", first, textsOf(given[1])), ...of("fix", first, textsOf(given[2]))]
    case "notice":
      return [
        ...of("log", `warn, ${first}`, textsOf(object(1)["began"])),
        ...of("log", `info, ${first}`, textsOf(object(1)["ended"]))
      ]
    default: {
      const { title, what, fix } = object(0)
      return [
        ...of("title", "CLI", textsOf(title)),
        ...of("failure", "CLI", textsOf(what)),
        ...of("fix", "CLI", textsOf(fix))
      ]
    }
  }
}

export const messagesIn = (tree: Tree): ReadonlyArray<Message> =>
  [...tree]
    .filter(([file]) => /^(src|layers)\/.*\.ts$/.test(file))
    .flatMap(([file, text]) => callsOf(file, text, NAMES).flatMap((call) => ofCall(file, call)))
    .filter(({ text }) => /[a-z]{2}/i.test(text))

/** What is wrong with the form of a message; undefined when nothing is. */
export const wrongIn = ({ kind, text: source }: Pick<Message, "kind" | "text">): string | undefined => {
  const text = source.replaceAll(/\$\{(?:[^{}]|\{[^{}]*\})*\}/g, "…}") // what is put in is judged where it is made
  if (/[.;:]\s*[.;:]|\s{2}|\.\.(?!\.)/.test(text.replaceAll("://", "").replaceAll("::", "").replaceAll("…", "")))
    return "two stops or blanks in a row"
  if (/HRLD-\d{4}/.test(text) && kind !== "fix") return "a code in the text: it is told beside it"
  if (text !== text.trim()) return "a blank at an end"
  const end = text.at(-1)!
  // A fix may end with what to type, behind a colon, and with what is put in.
  if (kind === "fix")
    return /^[A-Z`…]/.test(text) && (/[.?!}]$/.test(text) || /: [^.]+$/.test(text))
      ? undefined
      : "a fix is a sentence and ends like one"
  if (/[.;:,!]/.test(end)) return "no stop at its end: it may stand within a sentence"
  if (
    kind !== "title" &&
    /^[A-Z][a-z]+ [a-z]/.test(text) &&
    !/^(Redis|Herald|Kafka|Node|PostgreSQL|Content)/.test(text)
  )
    return "it begins like a sentence: it may stand within one"
  return undefined
}

const escaped = (text: string) => text.replaceAll("|", "\\|").replaceAll("\n", " ")

const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>) =>
  [head, head.map(() => "---"), ...rows].map((row) => `| ${row.map(escaped).join(" | ")} |`).join("\n")

const inTexts = (messages: ReadonlyArray<Message>) =>
  [...new Map(messages.map((one) => [`${one.under}\n${one.text}\n${one.file}`, one])).values()]
    .sort((a, b) => (a.under + a.text + a.file < b.under + b.text + b.file ? -1 : 1))
    .map(({ under, text, file }) => [under, text, `\`${file}\``])

export const messagesOf = (tree: Tree) => {
  const all = messagesIn(tree)
  const of = (...kinds: ReadonlyArray<Message["kind"]>) => all.filter(({ kind }) => kinds.includes(kind))
  const problems = all.flatMap((message) => {
    const wrong = wrongIn(message)
    return wrong === undefined ? [] : [`${message.file}: "${message.text}": ${wrong}`]
  })
  const page = `# Messages

Made by \`npm run docs\` from the sources, for who reviews a change: what people may be told, with \`\${…}\` where something is put in.
Title, cause and fix of each code are in [errors.md](errors.md).

Form: what happened is no sentence of its own, since it stands behind "what", a name or a colon: no capital, no stop, no code. A fix is a
sentence. A line of the log is the same text each time; what differs is a field.

## Titles of codes

${table(
  ["code", "title"],
  inOrder.map(({ code, title }) => [code, title])
)}

## What happened

${table(["error", "text", "file"], inTexts(of("failure", "title")))}

## What to do, where it is not the row's

${table(["error", "text", "file"], inTexts(of("fix")))}

## Lines of the log

${table(["level", "text", "file"], inTexts(of("log")))}

## What a setting must be

${table(
  ["setting", "expected"],
  catalogue.map(({ env, form }) => [`\`${env}\``, form.expected])
)}
`
  return { page, problems }
}
