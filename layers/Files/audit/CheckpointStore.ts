/** Keeps the audit log's checkpoints in a file of the server's folder that only its user may read. K1, K3 of SecretFile.ts */
import { join } from "node:path"
import { Effect, Layer } from "effect"
import { CheckpointStore } from "../../../src/audit/CheckpointStore.ts"
import { failure } from "../../../src/errors/HeraldError.ts"
import * as SecretFile from "../SecretFile.ts"

const CHECKPOINTS = "audit-checkpoints"

export const layer = (folder: string) => {
  const path = join(folder, CHECKPOINTS)
  const attempt = <A>(run: () => A) =>
    Effect.try({
      try: run,
      catch: (cause) =>
        failure("Internal", `the audit checkpoints in ${path} can't be used: ${(cause as Error).message}`, { cause })
    })
  return Layer.succeed(
    CheckpointStore,
    CheckpointStore.of({
      read: attempt(() => (SecretFile.read(path) ?? "").split("\n").filter((line) => line !== "")),
      // On a line of its own, even after half a line that a crash left.
      append: (line) => attempt(() => SecretFile.append(path, `\n${line}\n`)),
      replace: (lines) => attempt(() => SecretFile.write(path, lines.map((line) => `${line}\n`).join("")))
    })
  )
}
