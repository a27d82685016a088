/** Shell on Node and Deno: the only file of the CLI that touches the platform, but for Checkout.ts. */
import { type ChildProcess, spawn } from "node:child_process"
import { randomUUID } from "node:crypto"
import { createReadStream, constants as modes, writeSync } from "node:fs"
import { mkdir, mkdtemp, open, readFile, realpath, rename, rm, writeFile } from "node:fs/promises"
import { constants, hostname, tmpdir } from "node:os"
import { dirname, join, resolve } from "node:path"
import { createInterface } from "node:readline/promises"
import { fileURLToPath } from "node:url"
import * as Effect from "effect/Effect"
import { alone } from "./Alone.ts"
import { checkout } from "./Checkout.ts"
import { type CliFailure, usage } from "./CliFailure.ts"
import { folder } from "./Folder.ts"
import type { Shell } from "./Shell.ts"

/**
 * Flags of the server's Node: rows of a tenth of a second live in the young generation until they are written, instead of ageing the old;
 * and Node doesn't warn that kafkajs asks for timers in the past.
 */
export const serverFlags: ReadonlyArray<string> = [
  "--max-semi-space-size=32",
  "--disable-warning=TimeoutNegativeWarning"
]

/** Up to one byte more than `most`; then the stream is left. */
const bytesOf = async (stream: AsyncIterable<Buffer>, most: number): Promise<Uint8Array> => {
  const chunks: Array<Buffer> = []
  let size = 0
  for await (const chunk of stream) {
    chunks.push(chunk)
    size += chunk.byteLength
    if (size > most) break
  }
  return Buffer.concat(chunks).subarray(0, most + 1)
}

const writeRaw = (stream: NodeJS.WriteStream, text: string): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    stream.write(text, () => resume(Effect.void))
  })
const write = (stream: NodeJS.WriteStream, line: string): Effect.Effect<void> => writeRaw(stream, `${line}\n`)

const removeFile = (path: string) => rm(dirname(path), { recursive: true, force: true }).catch(() => undefined)

/** What to say of a file that was left in the middle: it stays where something was typed in it, now or before (`typed`). ED4 */
const keptIn = async (path: string, text: string, typed: boolean): Promise<string | undefined> => {
  const now = await readFile(path, "utf8").catch(() => text)
  if (typed || now !== text) return path
  await removeFile(path)
  return undefined
}

const exitOf = (child: ChildProcess): Promise<number> =>
  new Promise((resolve, reject) => {
    child.once("error", reject)
    child.once("exit", (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)))
  })

/** A program of the user's, with the terminal to itself. By its user's name of it, which may hold flags: "code --wait". */
const edit = (program: string, name: string, text: string, typed: boolean) =>
  Effect.acquireUseRelease(
    Effect.promise(async () => {
      const path = join(await mkdtemp(join(tmpdir(), "herald-")), name)
      await writeFile(path, text, { mode: 0o600 })
      const child = spawn(`${program} '${path.replaceAll("'", `'\\''`)}'`, { stdio: "inherit", shell: true })
      return { path, child, ended: exitOf(child) }
    }),
    ({ path, ended }) =>
      Effect.tryPromise({ try: () => ended, catch: describe }).pipe(
        Effect.flatMap((code) => (code === 0 ? Effect.void : Effect.fail(`it ended with exit code ${code}`))),
        Effect.catch((reason) =>
          Effect.flatMap(
            Effect.promise(() => keptIn(path, text, typed)),
            (kept) =>
              usage(
                `${program}: ${reason}`,
                kept === undefined
                  ? "Set EDITOR to an editor that waits until you are done."
                  : `What you typed is kept in ${kept}.`
              )
          )
        ),
        Effect.andThen(Effect.promise(() => readFile(path, "utf8"))),
        Effect.map((text) => ({ path, text }))
      ),
    // Ctrl-C, or a signal to this process alone.
    ({ path, child, ended }, exit) =>
      exit._tag === "Success" || !exit.cause.reasons.some(({ _tag }) => _tag === "Interrupt")
        ? Effect.void
        : Effect.flatMap(
            Effect.promise(async () => {
              child.kill("SIGTERM")
              await ended.catch(() => 0)
              return keptIn(path, text, typed)
            }),
            (kept) => (kept === undefined ? Effect.void : write(process.stderr, `what you typed is kept in ${kept}`))
          )
  )

const saveFile = (path: string, text: string) =>
  Effect.tryPromise({
    try: async () => {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 })
      const whole = await realpath(path).catch(() => path)
      const beside = `${whole}.${randomUUID()}`
      await writeFile(beside, text, { mode: 0o600, flag: "wx", flush: true })
      await rename(beside, whole).catch(async (error: unknown) => {
        await rm(beside, { force: true })
        throw error
      })
    },
    catch: (error) => usage(`${path}: ${describe(error)}`, "Give its folder to this user.")
  })

/** Its output may be a token: nothing of it is told when it fails. */
const outputOf = (command: string) =>
  Effect.callback<string, CliFailure>((resume) => {
    const child = spawn(command, { shell: true, stdio: ["inherit", "pipe", "inherit"] })
    let out = ""
    child.stdout.on("data", (chunk: Buffer) => {
      if (out.length < 65_536) out += chunk.toString()
    })
    const failed = (reason: string) =>
      resume(Effect.fail(usage(`the command that gives the token failed: ${reason}`, `Try it by itself: ${command}`)))
    child.on("error", (error) => failed(error.message))
    child.on("close", (code) => (code === 0 ? resume(Effect.succeed(out)) : failed(`exit code ${code}`)))
  })

const runServer = (args: ReadonlyArray<string>, extra: Record<string, string>): Effect.Effect<number, CliFailure> =>
  Effect.callback<number, CliFailure>((resume) => {
    const command = [...serverFlags, fileURLToPath(new URL("../main.ts", import.meta.url)), ...args]
    const env = { ...process.env, ...extra }
    // The server takes this process's place, so a signal or a SIGKILL meant for one never leaves the other behind.
    if (process.platform !== "win32" && typeof process.execve === "function") {
      process.execve(process.execPath, [process.execPath, ...command], env)
    }
    const child = spawn(process.execPath, command, { stdio: "inherit", env })
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => child.kill(signal))
    child.on("error", (error) =>
      resume(
        Effect.fail(
          usage(
            `the server did not start: ${error.message}`,
            "Install again: npm install herald, or npm ci in a clone."
          )
        )
      )
    )
    child.on("exit", (code, signal) => resume(Effect.succeed(code ?? 128 + (signal ? constants.signals[signal] : 0))))
  })

const describe = (error: unknown): string => {
  const code = (error as { code?: string }).code
  if (code === "ENOENT") return "there is no such file"
  if (code === "EACCES") return "it may not be read (EACCES)"
  if (code === "EISDIR") return "it is a folder"
  return error instanceof Error ? error.message : String(error)
}

/** Of this user, or root's: someone else's folder must not say where a token is sent, nor lead to another file by a link. */
const readOwn = async (path: string): Promise<string | undefined> => {
  const file = await open(path, modes.O_RDONLY | (modes.O_NOFOLLOW ?? 0))
  try {
    const found = await file.stat()
    const me = process.geteuid?.()
    const mine = me === undefined || found.uid === me || found.uid === 0
    return found.isFile() && mine ? await file.readFile("utf8") : undefined
  } finally {
    await file.close()
  }
}

interface Judged {
  readonly text?: string
  readonly wrong?: string
  readonly fix?: string
}

/** What a file says; or why it is not to be trusted with where a token goes and what is run to get it, as ssh judges its own. CX3 */
const judged = async (path: string): Promise<Judged> => {
  const file = await open(path, modes.O_RDONLY)
  try {
    const [found, me] = [await file.stat(), process.geteuid?.()]
    if (me === undefined) return { text: await file.readFile("utf8") }
    if (found.uid !== me && found.uid !== 0)
      return { wrong: "belongs to another user", fix: `Look at what it says, then: chown ${me} ${path}` }
    if ((found.mode & 0o022) !== 0)
      return { wrong: "may be written by other users", fix: `Look at what it says, then: chmod go-w ${path}` }
    return { text: await file.readFile("utf8") }
  } finally {
    await file.close()
  }
}

const readTrusted = (path: string): Effect.Effect<string | undefined, CliFailure> =>
  Effect.tryPromise({ try: () => judged(path), catch: (error) => error }).pipe(
    Effect.catch((error) =>
      (error as { code?: string }).code === "ENOENT"
        ? Effect.succeed<Judged>({})
        : Effect.fail(usage(`${path}: ${describe(error)}`, "Make it this user's own file."))
    ),
    Effect.flatMap(({ text, wrong, fix = "" }) =>
      wrong === undefined ? Effect.succeed(text) : Effect.fail(usage(`${path} ${wrong}`, fix))
    )
  )

const ENTER_SCREEN = "\u001b[?1049h"
const LEAVE_SCREEN = "\u001b[?1049l"
let otherScreen = false
/** However the process ends: nobody is left on the other screen, or without a cursor. */
process.on("exit", () => {
  if (!otherScreen) return
  try {
    writeSync(1, `\u001b[?25h${LEAVE_SCREEN}`)
  } catch {
    // the terminal is gone
  }
})

export const shell: Shell["Service"] = {
  env: process.env,
  terminal: process.stdout.isTTY === true,
  errorTerminal: process.stderr.isTTY === true,
  inputTerminal: process.stdin.isTTY === true,
  columns: () => process.stdout.columns || process.stderr.columns || 0,
  live: (line) => writeRaw(process.stderr, `\r\u001b[2K${line}`),
  rows: () => process.stdout.rows || 0,
  steer: (sequence) => {
    otherScreen = sequence.includes(ENTER_SCREEN) || (otherScreen && !sequence.includes(LEAVE_SCREEN))
    return writeRaw(process.stdout, sequence)
  },
  ask: (question) =>
    Effect.promise(async () => {
      const lines = createInterface({ input: process.stdin, output: process.stderr })
      try {
        return await lines.question(question)
      } finally {
        lines.close()
      }
    }),
  edit,
  removeFile: (path) => Effect.promise(() => removeFile(path)),
  saveFile,
  alone,
  outputOf,
  now: Effect.sync(() => Date.now()),
  hostname: hostname(),
  pid: process.pid,
  out: (line) => write(process.stdout, line),
  progress: (line) => write(process.stderr, line),
  stdin: (most) =>
    Effect.tryPromise({
      try: () => bytesOf(process.stdin, most),
      catch: (error) => usage(`standard input can't be read: ${describe(error)}`, "Pipe the value in.")
    }),
  readFile: (path, most) =>
    Effect.tryPromise({
      try: () => bytesOf(createReadStream(path, { end: most }), most),
      catch: (error) => usage(`${path}: ${describe(error)}`, "Give the path of a readable file.")
    }),
  readTrusted,
  readFileIfAny: (path) => Effect.promise(() => readOwn(path).catch(() => undefined)),
  checkout: (folder) => checkout(resolve(folder)),
  folder,
  absolute: (path) => resolve(path),
  uuid: Effect.sync(() => randomUUID()),
  runServer
}
