/** A program on a terminal of its own, by `script` of util-linux. */

const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`

/** The command that runs it so; `exec` makes it the terminal's only process. What is added behind goes to the program. */
export const onTerminal = (...command: ReadonlyArray<string>): ReadonlyArray<string> => [
  "sh",
  "-c",
  // The arguments that come behind are put into the one text that `script` takes.
  `line=${quoted(`exec ${command.map(quoted).join(" ")}`)}; for one; do line="$line '$one'"; done; exec script --quiet --return --flush --command "$line" /dev/null`,
  "sh"
]
