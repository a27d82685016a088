/** Programs of the system that a suite needs: installs what is missing where it may, and otherwise says what to type. Never skips. */
import { execFileSync, spawnSync } from "node:child_process"

const has = (program: string) => spawnSync("sh", ["-c", `command -v ${program}`]).status === 0

/** `packages`: those of Debian that bring `program`. `there`: whether it is there, for a program that a shell would not find. */
export const installed = (program: string, packages: ReadonlyArray<string>, there = () => has(program)): void => {
  if (there()) return
  const commands = ["apt-get update", `apt-get install -y --no-install-recommends ${packages.join(" ")}`]
  if (process.getuid?.() === 0 && has("apt-get")) {
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" } // the package must not start a server
    for (const command of commands) execFileSync("sh", ["-c", command], { env, stdio: "ignore" })
  }
  if (!there()) throw new Error(`this suite needs ${program}; type:\n  sudo ${commands.join("\n  sudo ")}`)
}
