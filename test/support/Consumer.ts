/** An empty project of someone who installs what npm ships. */
import { execFile } from "node:child_process"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { newFolder } from "./folder.ts"

export const root = fileURLToPath(new URL("../..", import.meta.url))
export const bin = (name: string): string => join(root, "node_modules/.bin", name)

/** The environment without what this run of npm has put there about this project. */
const clean = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) =>
      !/^(npm_(package|lifecycle|command|execpath|node_execpath)|npm_config_(local_)?prefix$|INIT_CWD$|NODE_(OPTIONS|ENV)$|VITEST)/.test(
        name
      )
  )
)

const execute = promisify(execFile)

/** Returns what it printed on stdout; when it fails, throws with all that it printed. */
export const run = async (
  [program, ...args]: ReadonlyArray<string>,
  cwd: string,
  env: Record<string, string> = {}
): Promise<string> => {
  try {
    const options = { cwd, env: { ...clean, NO_COLOR: "1", ...env }, maxBuffer: 64 * 1_048_576, timeout: 600_000 }
    return (await execute(program!, args, options)).stdout
  } catch (error) {
    const { stdout, stderr, message } = error as { stdout?: string; stderr?: string; message: string }
    throw new Error(`${message}\n${stdout ?? ""}\n${stderr ?? ""}`, { cause: error })
  }
}

export class Consumer {
  readonly folder = newFolder()

  constructor() {
    // The package `node` installs its program by a script.
    this.write("package.json", JSON.stringify({ private: true, type: "module", allowScripts: { node: true } }))
  }

  at(...names: ReadonlyArray<string>): string {
    return join(this.folder.path, ...names)
  }

  write(name: string, text: string): void {
    mkdirSync(this.folder.path, { recursive: true })
    writeFileSync(this.at(name), text)
  }

  run(command: ReadonlyArray<string>, env: Record<string, string> = {}): Promise<string> {
    return run(command, this.folder.path, env)
  }

  /** Installs packages, from tarballs or from the registry that this machine uses. */
  async install(...what: ReadonlyArray<string>): Promise<void> {
    await this.run(["npm", "install", "--no-audit", "--no-fund", "--prefer-offline", ...what])
  }

  /** Checks the types of a file strictly, with the declarations of libraries unless `more` says otherwise. */
  async types(file: string, module: "nodenext" | "bundler", ...more: ReadonlyArray<string>): Promise<void> {
    const kind = module === "bundler" ? ["esnext", "bundler"] : ["nodenext", "nodenext"]
    const flags = ["--strict", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess", "--target", "es2024"]
    const how = ["--ignoreConfig", "--noEmit", "--module", kind[0]!, "--moduleResolution", kind[1]!]
    await this.run([bin("tsc"), file, ...how, ...flags, ...more])
  }
}

export interface Manifest {
  readonly name: string
  readonly version: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

export const read = <A>(...names: ReadonlyArray<string>): A => JSON.parse(readFileSync(join(...names), "utf8")) as A

/** `npm pack` of a package of this tree, as a release does it. Returns the path of the tarball. */
export const pack = async (folder: string, into: string): Promise<string> => {
  await run(["npm", "pack", "--pack-destination", into], join(root, folder))
  const { name, version } = read<Manifest>(root, folder, "package.json")
  return join(into, `${name.replace("@", "").replace("/", "-")}-${version}.tgz`)
}
