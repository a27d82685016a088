/**
 * Clients that nobody here wrote, built once for this user from versions that are pinned: Go's in guests/go/go.mod, Java's in guests/java/pom.xml,
 * Python's in guests/python/requirements.txt. Never skips: what is missing is installed, or said.
 */
import { spawn, spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { once } from "node:events"
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs"
import { homedir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { installed } from "../support/installed.ts"

const guests = fileURLToPath(new URL("guests", import.meta.url))
export const guest = (...path: ReadonlyArray<string>): string => join(guests, ...path)

/** Where `build` put what it made of a folder in `guests`; made anew when a file there changed. */
const built = async (name: string, build: (to: string, from: string) => Promise<void>): Promise<string> => {
  const from = guest(name)
  const digest = createHash("sha256")
  for (const file of readdirSync(from).sort()) digest.update(file).update(readFileSync(join(from, file)))
  const home = join(homedir(), ".cache", "herald", `interop-${name}-${digest.digest("hex").slice(0, 16)}`)
  if (existsSync(home)) return home
  const started = performance.now()
  process.stderr.write(`interop: building the clients in ${name} …\n`)
  const fresh = `${home}.${process.pid}`
  mkdirSync(fresh, { recursive: true })
  try {
    await build(fresh, from)
    if (!existsSync(home)) renameSync(fresh, home)
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
  process.stderr.write(`interop: built ${name} in ${((performance.now() - started) / 1_000).toFixed(0)} s\n`)
  return home
}

const run = async (command: string, args: ReadonlyArray<string>, cwd: string, env: Record<string, string> = {}) => {
  const child = spawn(command, args, { cwd, stdio: ["ignore", "ignore", "inherit"], env: { ...process.env, ...env } })
  const [code] = await once(child, "exit")
  if (code !== 0) throw new Error(`${command} ${args.slice(0, 4).join(" ")} ended with ${code}`)
}

export type GoProgram = "client" | "grpcurl" | "h2spec" | "herald"

/** One of guests/go: gRPC's official interop client, grpcurl, h2spec, and ours. */
export const goProgram = async (program: GoProgram): Promise<string> => {
  const home = await built("go", async (to, from) => {
    try {
      await run("go", ["build", "-o", to, "tool", "."], from, { GOFLAGS: "-mod=readonly -buildvcs=false" })
    } catch (cause) {
      const wanted = /^go (.*)$/m.exec(readFileSync(join(from, "go.mod"), "utf8"))?.[1]
      const found = spawnSync("go", ["env", "GOVERSION"], { encoding: "utf8" }).stdout?.trim() ?? "none"
      throw new Error(`these suites need Go ${wanted} or newer in the path, and found ${found}`, { cause })
    }
  })
  return join(home, program)
}

/** A Python with what `requirements.txt` of a folder of guests lists. */
export const python = async (folder = "python"): Promise<string> => {
  const home = await built(folder, async (to, from) => {
    installed("python3", ["python3", "python3-venv"])
    await run("python3", ["-m", "venv", to], from)
    const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:"]
    await run(join(to, "bin/python"), [...pip, "--requirement", "requirements.txt"], from)
  })
  return join(home, "bin/python")
}

/** The application of guests/flags-go, which has OpenFeature's provider for flagd. */
export const goFlags = async (): Promise<string> => {
  const home = await built("flags-go", (to, from) =>
    run("go", ["build", "-o", join(to, "flags"), "."], from, { GOFLAGS: "-mod=readonly -buildvcs=false" })
  )
  return join(home, "flags")
}

/** The class path of a folder of guests with a pom.xml. `alone`: a package that is taken without what it needs. */
export const javaClasses = async (folder = "java", alone?: string): Promise<string> => {
  const home = await built(folder, async (to, from) => {
    installed("mvn", ["maven"])
    installed("javac", ["default-jdk-headless"])
    const maven = (...goal: ReadonlyArray<string>) => run("mvn", ["-q", "-B", ...goal, `-DoutputDirectory=${to}`], from)
    await maven("-f", "pom.xml", "dependency:copy-dependencies")
    if (alone !== undefined) await maven("dependency:copy", `-Dartifact=${alone}`)
    const sources = readdirSync(from).filter((file) => file.endsWith(".java"))
    await run("javac", ["-cp", `${to}/*`, "-d", to, ...sources], from)
  })
  return `${home}:${home}/*`
}

/** The application of guests/flags-java, with OpenFeature's provider for flagd as the pom there names it. */
export const javaFlags = (): Promise<string> =>
  javaClasses(
    "flags-java",
    /<provider>(.*)<\/provider>/.exec(readFileSync(guest("flags-java", "pom.xml"), "utf8"))?.[1]
  )
