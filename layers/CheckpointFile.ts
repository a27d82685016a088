/** The audit log's checkpoints in a file of the server's folder, that only its user may read. */
import { appendFile, readFile, rename, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { Effect, Layer } from "effect"
import { CheckpointStore } from "../src/access/CheckpointStore.ts"
import { failure } from "../src/errors/HeraldError.ts"

const CHECKPOINTS = "audit-checkpoints"

export const layer = (folder: string) => {
  const path = join(folder, CHECKPOINTS)
  const attempt = <A>(run: () => Promise<A>) =>
    Effect.tryPromise({
      try: run,
      catch: (cause) =>
        failure("Internal", `the audit checkpoints in ${path} can't be used: ${(cause as Error).message}`, { cause })
    })
  return Layer.succeed(
    CheckpointStore,
    CheckpointStore.of({
      read: attempt(async () => {
        try {
          return (await readFile(path, "utf8")).split("\n").filter((line) => line !== "")
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code === "ENOENT") return []
          throw error
        }
      }),
      // On a line of its own, whatever a crash left of the one before.
      append: (line) => attempt(() => appendFile(path, `\n${line}\n`, { mode: 0o600 })),
      replace: (lines) =>
        attempt(async () => {
          await writeFile(`${path}.tmp`, lines.map((line) => `${line}\n`).join(""), { mode: 0o600 })
          await rename(`${path}.tmp`, path)
        })
    })
  )
}
