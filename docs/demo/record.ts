// biome-ignore-all lint/suspicious/noControlCharactersInRegex: how a terminal is steered
/**
 * Records docs/demo/herald.svg: a real server, a client and three commands on real terminals, drawn as they came. `npm run demo`.
 *
 * Lines stand when they came, but for pauses, which are cut to `LONGEST` (a start of Node is no news).
 */
import { type ChildProcess, spawn } from "node:child_process"
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { type Came, draw } from "./Drawing.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))
const folder = mkdtempSync(join(tmpdir(), "herald-demo-"))
const data = join(folder, "data")
/** Seconds. */
const LONGEST = 1.4
const COLUMNS = 92

const began = performance.now()
const lines: Array<Came> = []
const note = (pane: Came["pane"], text: string, typed = false) =>
  lines.push({ pane, text, typed, at: (performance.now() - began) / 1_000 })

const env = { ...process.env, HERALD_DATA: data, HTTP_PORT: "0", GRPC_PORT: "0", HERALD_INSTANCE: "shop-1" }
/** On a terminal of its own, by `script` of util-linux: what it shows is what a person sees. */
const run = (command: string): ChildProcess =>
  spawn(
    "script",
    ["--quiet", "--return", "--flush", "--command", `stty cols ${COLUMNS}; exec ${command}`, "/dev/null"],
    {
      cwd: root,
      env,
      stdio: ["ignore", "pipe", "ignore"]
    }
  )

/** Whole lines as they stay: what was written over by a carriage return or erased is gone. */
const reading = (child: ChildProcess, tell: (line: string) => void): void => {
  let rest = ""
  child.stdout!.setEncoding("utf8").on("data", (chunk: string) => {
    const parts = (rest + chunk).split("\r\n")
    rest = parts.pop()!
    for (const part of parts) tell(part.split(/\r|\u001b\[\d*K|\u001b\[\d*A/).at(-1)!)
  })
}

const ended = (child: ChildProcess) => new Promise((resolve) => child.once("close", resolve))
const until = async (condition: () => boolean) => {
  while (!condition()) await sleep(20)
}

/** One command, as `typed`, in the lower pane. */
const command = async (typed: string): Promise<void> => {
  note("you", `$ ${typed}`, true)
  const child = run(typed.replace(/^npx herald/, `${process.execPath} bin/herald.js`))
  reading(child, (line) => line !== "" && note("you", line))
  await ended(child)
}

const server = spawn(process.execPath, ["src/main.ts", "--data", data], { cwd: root, env, stdio: "ignore" })
try {
  await until(() => existsSync(join(data, "server.json")))
  note("client", "$ npx herald subscribe user-service", true)
  const client = run(`${process.execPath} bin/herald.js subscribe user-service`)
  let heard = 0
  reading(client, (line) => {
    heard++
    if (line !== "") note("client", line)
  })
  await until(() => heard > 0)
  const publish = "npx herald publish user-service"
  await command(`${publish} '{"limit":100}' --type json --message "first limit" --wait`)
  await command(`${publish} '{"limit":250}' --message "more for the sale" --wait`)
  await command(`npx herald rollback user-service --to 1 --message "the sale is over" --wait`)
  client.kill("SIGINT")
  await ended(client)
} finally {
  server.kill("SIGTERM")
  await ended(server)
  rmSync(folder, { recursive: true, force: true })
}
writeFileSync(new URL("herald.svg", import.meta.url), draw(lines, { columns: COLUMNS, longestPause: LONGEST }))
