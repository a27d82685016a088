/** A folder of configuration as code, and a command line that uses it against the real routes on memory twins. */
import { randomUUID } from "node:crypto"
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { newFolder } from "../../../support/folder.ts"
import { type TerminalOptions, terminal } from "../../../support/Terminal.ts"
import { RoutedServer } from "./RoutedServer.ts"

export const MANIFEST = `herald: 1\npatterns: ["*", "@flag/*", "@segment/*"]\n`

export class CodeFolder implements AsyncDisposable {
  readonly server: RoutedServer
  readonly path: string
  readonly #remove: () => void

  private constructor(server: RoutedServer, { path, remove }: ReturnType<typeof newFolder>) {
    this.server = server
    this.path = path
    this.#remove = remove
  }

  static async start(): Promise<CodeFolder> {
    return new CodeFolder(await RoutedServer.start(), newFolder())
  }

  /** `files`: by their paths in the environment's folder, which gets a manifest unless one is given. */
  put(environment: string, files: Readonly<Record<string, string | Uint8Array>>): void {
    for (const [file, content] of Object.entries({ "@manifest.yaml": MANIFEST, ...files })) {
      const path = join(this.path, environment, file)
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, content)
    }
  }

  clear(environment: string): void {
    rmSync(join(this.path, environment), { recursive: true, force: true })
  }

  /** Contents of an environment's files by their paths, but for what is hidden. */
  files(environment: string): Record<string, string> {
    const root = join(this.path, environment)
    const found = readdirSync(root, { recursive: true, withFileTypes: true })
    return Object.fromEntries(
      found
        .filter((entry) => entry.isFile() && !entry.name.startsWith("."))
        .map((entry) => join(entry.parentPath, entry.name))
        .map((path) => [path.slice(root.length + 1), readFileSync(path, "utf8")] as const)
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
    )
  }

  /** `as`: a token by its name. The verb's own arguments come first. */
  async run(as: string, args: ReadonlyArray<string>, options: TerminalOptions = {}) {
    const token = this.server.tokens.get(as) ?? as
    const env = { HERALD_TOKEN: token, HERALD_SERVER: this.server.url }
    const cli = terminal({ env, uuid: randomUUID, ...options })
    const exit = await cli.run(...args)
    return { exit, cli, said: cli.said, printed: cli.printed }
  }

  export(environment = "production", ...more: ReadonlyArray<string>) {
    return this.run("admin", ["export", "--env", environment, "--out", this.path, "--yes", ...more])
  }

  apply(...more: ReadonlyArray<string>) {
    return this.run("admin", ["apply", "-f", this.path, "--yes", ...more])
  }

  diff(...more: ReadonlyArray<string>) {
    return this.run("admin", ["diff", "-f", this.path, ...more])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]()
    this.#remove()
  }
}
