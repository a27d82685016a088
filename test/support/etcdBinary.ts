/** Builds etcd from Go's modules, once for this user. */
import { execFileSync } from "node:child_process"
import { existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs"
import { homedir } from "node:os"
import { join } from "node:path"
import { installed } from "./installed.ts"

export const ETCD_VERSION = "3.6.4"

/** etcd's own program is no more than this. */
const MAIN = `package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
`

/** Where the program is. */
export const etcdBinary = (): string => {
  const home = join(homedir(), ".cache", "herald", `etcd-${ETCD_VERSION}`)
  const program = join(home, "etcd")
  if (existsSync(program)) return program
  installed("go", ["golang-go"])
  const fresh = `etcd.${process.pid}`
  mkdirSync(home, { recursive: true })
  writeFileSync(join(home, "main.go"), MAIN)
  const go = (...args: ReadonlyArray<string>) => execFileSync("go", args, { cwd: home, stdio: "pipe" })
  if (!existsSync(join(home, "go.mod"))) go("mod", "init", "herald.test/etcd")
  go("get", `go.etcd.io/etcd/server/v3@v${ETCD_VERSION}`)
  go("build", "-o", fresh, ".")
  renameSync(join(home, fresh), program)
  return program
}
