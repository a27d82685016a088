/**
 * Clients that nobody here wrote, built once for this user from versions that are pinned, Go's in guests/go/go.mod. Never skips:
 * what is missing is said.
 */
import { execFileSync, spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs"
import { homedir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const guests = fileURLToPath(new URL("guests", import.meta.url))
export const guest = (...path: ReadonlyArray<string>): string => join(guests, ...path)

/** Where `build` put what it made of a folder in `guests`; made anew when a file there changed. */
const built = (name: string, build: (to: string, from: string) => void): string => {
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
    build(fresh, from)
    if (!existsSync(home)) renameSync(fresh, home)
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
  process.stderr.write(`interop: built ${name} in ${((performance.now() - started) / 1_000).toFixed(0)} s\n`)
  return home
}

const run = (command: string, args: ReadonlyArray<string>, cwd: string, env: Record<string, string> = {}): void => {
  execFileSync(command, args, { cwd, stdio: ["ignore", "ignore", "inherit"], env: { ...process.env, ...env } })
}

export type GoProgram = "client" | "grpcurl" | "h2spec" | "herald"

/** One of guests/go: gRPC's official interop client, grpcurl, h2spec, and ours. */
export const goProgram = (program: GoProgram): string => {
  const home = built("go", (to, from) => {
    const version = spawnSync("go", ["env", "GOVERSION"], { encoding: "utf8" }).stdout?.trim() ?? "none"
    const wanted = /^go (.*)$/m.exec(readFileSync(join(from, "go.mod"), "utf8"))?.[1]
    try {
      run("go", ["build", "-o", to, "tool", "."], from, { GOFLAGS: "-mod=readonly -buildvcs=false" })
    } catch (cause) {
      throw new Error(`these suites need Go ${wanted} or newer in the path, and it found ${version}`, { cause })
    }
  })
  return join(home, program)
}
