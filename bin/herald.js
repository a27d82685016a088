#!/usr/bin/env node
// Finds a Node that is new enough (24) and starts the command with it: src/cli/main.ts in a clone, which runs unbuilt; what was compiled from
// it in an installed package. Plain JavaScript, so that any Node can read it.
import { spawn } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import module from "node:module"
import { constants } from "node:os"
import { fileURLToPath } from "node:url"

const source = new URL("../src/cli/main.ts", import.meta.url)
const clone = existsSync(source)
const main = clone ? source : new URL("../dist/src/cli/main.js", import.meta.url)
const major = Number(process.versions.node.split(".")[0])

if (["--version", "-v"].includes(process.argv[2])) {
  // At once, without the command: scripts and shells ask for it again and again.
  const about = new URL(clone ? "../package.json" : "../dist/package.json", import.meta.url)
  console.log(`herald ${JSON.parse(readFileSync(about, "utf8")).version}`)
} else if (major >= 24) {
  process.argv[1] = fileURLToPath(main)
  module.enableCompileCache?.()
  await import(main.href)
} else {
  const name = process.platform === "win32" ? "node.exe" : "node"
  const pinned = fileURLToPath(new URL(`../node_modules/node/bin/${name}`, import.meta.url))
  if (!existsSync(pinned)) {
    console.error(
      clone
        ? `herald needs Node 24 or newer; this is ${process.version}, and the pinned one is not installed.\n` +
            "  fix   run `npm ci` in the checkout (it brings its own Node), or install Node 24 or newer"
        : `herald needs Node 24 or newer; this is ${process.version}.\n  fix   install Node 24 or newer`
    )
    process.exit(1)
  }
  const child = spawn(
    pinned,
    [
      "--input-type=module",
      "-e",
      `import m from "node:module"; m.enableCompileCache(); process.argv.splice(1, 0, ${JSON.stringify(fileURLToPath(main))}); await import(${JSON.stringify(main.href)})`,
      "--",
      ...process.argv.slice(2)
    ],
    { stdio: "inherit" }
  )
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal))
  child.on("error", (error) => {
    console.error(`herald could not start ${pinned}: ${error.message}`)
    process.exit(1)
  })
  child.on("exit", (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)))
}
