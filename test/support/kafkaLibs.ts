/** Fetches Kafka's jars from Maven, once for this user. */
import { execFileSync } from "node:child_process"
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs"
import { homedir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { installed } from "./installed.ts"

const VERSION = "4.1.0"

/** Their folder. */
export const kafkaLibs = (): string => {
  const home = join(homedir(), ".cache", "herald", `kafka-${VERSION}`)
  const libs = join(home, "libs")
  if (existsSync(libs)) return libs
  installed("mvn", ["maven"])
  const fresh = join(home, `libs.${process.pid}`)
  mkdirSync(fresh, { recursive: true })
  const pom = fileURLToPath(new URL("kafka-pom.xml", import.meta.url))
  execFileSync("mvn", ["-q", "-f", pom, "dependency:copy-dependencies", `-DoutputDirectory=${fresh}`], {
    stdio: ["ignore", "ignore", "inherit"]
  })
  if (existsSync(libs)) rmSync(fresh, { recursive: true })
  else renameSync(fresh, libs)
  return libs
}
