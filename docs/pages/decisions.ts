/** docs/decisions/README.md, from the records beside it, each of which says its status in its first lines. Pure. */
import type { Tree } from "../../test/support/Tree.ts"
import { lost } from "./architecture.ts"

const RECORD = /^docs\/decisions\/(\d{4})-[\w-]+\.md$/
const STATUS = /^\*\*Status\*\*: (accepted(?:, changed by .+)?|superseded by .+)\.$/m

export const decisionsOf = (tree: Tree, isThere: (path: string) => boolean) => {
  const problems: Array<string> = []
  const records = [...tree].flatMap(([file, text]) => {
    const number = RECORD.exec(file)?.[1]
    return number === undefined ? [] : [{ file: file.slice("docs/decisions/".length), number, text }]
  })
  const rows = records.map(({ file, number, text }) => {
    const title = new RegExp(`^# ${number} (.+)$`, "m").exec(text)?.[1]
    const status = STATUS.exec(text.split("\n").slice(0, 6).join("\n"))?.[1]
    if (title === undefined) problems.push(`docs/decisions/${file} does not begin with "# ${number} …"`)
    if (status === undefined) problems.push(`docs/decisions/${file} says no status: **Status**: accepted.`)
    if (status?.startsWith("accepted"))
      for (const path of lost(text, isThere)) problems.push(`docs/decisions/${file} names ${path}, which is not there`)
    for (const [, other] of status?.matchAll(/\[(\d{4})\]/g) ?? [])
      if (!records.some((one) => one.number === other && one.text.includes(`[${number}](`)))
        problems.push(`docs/decisions/${file}: ${other}, which changed it, does not name it`)
    return `| [${number}](${file}) | ${title ?? ""} | ${status ?? ""} |`
  })
  const page = `${[
    "# Decisions",
    "",
    "Made by `npm run docs` from the records. A record says what was asked, what else there was, and why it is as it is; one that no longer holds stays, and",
    "says which took its place. Names in it are those of today.",
    "",
    "| record | | status |",
    "|---|---|---|",
    ...rows
  ].join("\n")}\n`
  return { page, problems }
}
