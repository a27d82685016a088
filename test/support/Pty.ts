/** A program on a terminal of its own, by `script` of util-linux. */
import { spawn } from "node:child_process"

const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`

/** The command that runs it so; `exec` makes it the terminal's only process. What is added behind goes to the program. */
export const onTerminal = (...command: ReadonlyArray<string>): ReadonlyArray<string> => [
  "sh",
  "-c",
  // The arguments that come behind are put into the one text that `script` takes.
  `line=${quoted(`exec ${command.map(quoted).join(" ")}`)}; for one; do line="$line '$one'"; done; exec script --quiet --return --flush --command "$line" /dev/null`,
  "sh"
]

export interface OnTerminal {
  /** Everything that the terminal was sent. */
  readonly seen: () => string
  readonly type: (text: string) => void
  /** Its exit code. */
  readonly ended: Promise<number | null>
}

/** The same, run, for who types and looks. */
export const typing = (
  command: ReadonlyArray<string>,
  env: Record<string, string>,
  { columns = 100, rows = 40 } = {}
): OnTerminal => {
  const [program = "", ...args] = onTerminal(
    "sh",
    "-c",
    `stty cols ${columns} rows ${rows}; exec "$@"`,
    "sh",
    ...command
  )
  const child = spawn(program, args, {
    env: { TERM: "xterm", SHELL: "/bin/sh", ...env },
    stdio: ["pipe", "pipe", "inherit"]
  })
  let seen = ""
  child.stdout.on("data", (chunk: Buffer) => {
    seen += chunk.toString()
  })
  return {
    seen: () => seen,
    type: (text) => void child.stdin.write(text),
    ended: new Promise((resolve) => child.once("close", resolve))
  }
}
