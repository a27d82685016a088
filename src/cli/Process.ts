/** Shell on Node and Deno: the only file of the CLI that touches the platform. */
import { spawn } from "node:child_process"
import { randomUUID } from "node:crypto"
import { createReadStream, constants as modes } from "node:fs"
import { open } from "node:fs/promises"
import { constants, hostname } from "node:os"
import { fileURLToPath } from "node:url"
import * as Effect from "effect/Effect"
import { type CliFailure, usage } from "./CliFailure.ts"
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

const write = (stream: NodeJS.WriteStream, line: string): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    stream.write(`${line}\n`, () => resume(Effect.void))
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
      resume(Effect.fail(usage(`the server did not start: ${error.message}`, "Run npm ci.")))
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

export const shell: Shell["Service"] = {
  env: process.env,
  terminal: process.stdout.isTTY === true,
  errorTerminal: process.stderr.isTTY === true,
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
  readFileIfAny: (path) => Effect.promise(() => readOwn(path).catch(() => undefined)),
  uuid: Effect.sync(() => randomUUID()),
  runServer
}
