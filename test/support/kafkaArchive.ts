/**
 * Kafka's classes as the JVM has them once they are loaded (class data sharing), kept for this user: a broker serves after 2 s of a
 * processor instead of 7. The JVM itself looks whether they are still those of the jars, and goes without them if not.
 */
import { createHash } from "node:crypto"
import { existsSync, realpathSync, renameSync, statSync } from "node:fs"
import { delimiter, dirname, join } from "node:path"
import { kafkaLibs } from "./kafkaLibs.ts"

/** For processes that live for seconds: no second compiler, and a collector with one thread. */
export const BRIEF = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]

/** One archive for each Java that this user has had. */
const pathOf = (): string => {
  const folders = (process.env["PATH"] ?? "").split(delimiter)
  const java = realpathSync(folders.map((folder) => join(folder, "java")).find((path) => existsSync(path))!)
  const id = createHash("sha256")
    .update(`${java} ${statSync(java).mtimeMs}`)
    .digest("hex")
    .slice(0, 12)
  return join(dirname(kafkaLibs()), `classes-${id}.jsa`)
}

/**
 * Flags of Java, with the archive where there is one. `warm`: runs a broker with the flags it is given, uses it, and ends it as a user would;
 * it is asked where there is none yet. A Java that can't keep one costs time only.
 */
export const archived = async (
  warm: (flags: ReadonlyArray<string>) => Promise<void>
): Promise<ReadonlyArray<string>> => {
  const path = pathOf()
  if (!existsSync(path)) {
    const fresh = `${path}.${process.pid}` // of another worker that makes one, too
    try {
      await warm([...BRIEF, `-XX:ArchiveClassesAtExit=${fresh}`])
      renameSync(fresh, path)
    } catch {
      return BRIEF
    }
  }
  return [...BRIEF, `-XX:SharedArchiveFile=${path}`]
}
