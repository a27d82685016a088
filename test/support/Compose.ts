/** docker-compose.yml as Docker reads it, and its commands, which run here without Docker. */
import { execFileSync, spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, readFileSync } from "node:fs"
import { homedir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parse } from "yaml"
import { installed } from "./installed.ts"

export const ROOT = fileURLToPath(new URL("../..", import.meta.url))
const FILE = join(ROOT, "docker-compose.yml")

export interface Service {
  readonly image?: string
  readonly build?: string
  readonly command?: ReadonlyArray<string>
  readonly environment?: Readonly<Record<string, string>>
  readonly volumes?: ReadonlyArray<string>
  readonly ports?: ReadonlyArray<string>
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
  /** `timeout`: in whole seconds, as `2s`. */
  readonly healthcheck?: { readonly test: ReadonlyArray<string>; readonly timeout: string }
  readonly "x-no-health-check"?: string
  readonly mem_limit?: string
  readonly restart?: string
}

export const compose = parse(readFileSync(FILE, "utf8"), { merge: true }) as {
  readonly services: Readonly<Record<string, Service>>
  readonly volumes: Readonly<Record<string, unknown>>
}

/** A text with each name replaced by what stands for it here. */
export const replaced = (text: string, here: Readonly<Record<string, string>>): string =>
  Object.entries(here).reduce((all, [there, mine]) => all.replaceAll(there, mine), text)

/** Runs a service's health check; true: healthy. `here`: what stands for the container's paths, ports and programs. */
export const healthy = (
  service: string,
  here: Readonly<Record<string, string>>,
  env: Readonly<Record<string, string>> = {}
): boolean => {
  const { test: command, timeout } = compose.services[service]!.healthcheck!
  const [how, ...test] = command
  // Docker takes "$$" for "$".
  const words = test.map((word) => replaced(word.replaceAll("$$", "$"), here)) as [string, ...Array<string>]
  const [program, ...args] = how === "CMD-SHELL" ? ["sh", "-c", ...words] : words
  const { status, error } = spawnSync(program!, args, {
    env: { ...process.env, ...env },
    timeout: Number.parseInt(timeout, 10) * 1_000
  })
  if ((error as NodeJS.ErrnoException | undefined)?.code === "ENOENT") throw error // no program, no answer
  return status === 0
}

/** What the loader of `docker compose config` has against a file; "" when nothing. Its program is built once for this user. */
export const complaints = (file = FILE): string => {
  const sources = fileURLToPath(new URL("compose", import.meta.url))
  const version = createHash("sha256")
    .update(readFileSync(join(sources, "go.sum")))
    .digest("hex")
    .slice(0, 12)
  const cache = join(homedir(), ".cache", "herald")
  const program = join(cache, `compose-${version}`)
  if (!existsSync(program)) {
    installed("go", ["golang-go"])
    mkdirSync(cache, { recursive: true })
    execFileSync("go", ["build", "-o", program, "."], { cwd: sources, stdio: ["ignore", "ignore", "inherit"] })
  }
  return spawnSync(program, [file], { encoding: "utf8" }).stderr
}
