/** What a user can look up: --help, the page docs/cli.md, and completion. */
import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Completions } from "effect/cli"
import { herald } from "../../src/cli/Herald.ts"
import { catalogue } from "../../src/errors/Catalogue.ts"
import { terminal } from "../support/Terminal.ts"

const page = readFileSync(new URL("../../docs/cli.md", import.meta.url), "utf8")

/** Every verb that does something, as it is typed: "publish", "release apply" … */
const verbsOf = (command: Completions.CommandDescriptor, path: ReadonlyArray<string> = []): ReadonlyArray<string> =>
  command.subcommands.length === 0
    ? [path.join(" ")]
    : command.subcommands.flatMap((one) => verbsOf(one, [...path, one.name]))
const verbs = verbsOf(Completions.fromCommand(herald))

const helpOf = async (verb: string): Promise<string> => {
  const cli = terminal()
  assert.strictEqual(await cli.run(...verb.split(" ").filter(Boolean), "--help"), 0)
  return cli.printed
}
/** The lines below a title of --help. */
const part = (help: string, title: string): ReadonlyArray<string> => {
  const lines = help.split("\n")
  const start = lines.indexOf(title)
  if (start < 0) return []
  const rest = lines.slice(start + 1)
  const end = rest.findIndex((line) => /^[A-Z]/.test(line))
  return rest.slice(0, end < 0 ? undefined : end).map((line) => line.trim())
}
/** `--env, -e name    Environment …` as a row of the page. */
const rows = (help: string, title: string): ReadonlyArray<string> =>
  part(help, title)
    .filter((line) => line.startsWith("--"))
    .map((line) => {
      const [flag, description] = line.split(/ {2,}/)
      return `| \`${flag}\` | ${description} |`
    })
const section = (verb: string): string =>
  page.split(/^(?=##)/m).find((text) => text.startsWith(`### herald ${verb}\n`)) ?? ""

describe("--help", () => {
  it("help <verb> is <verb> --help", async () => {
    for (const verb of [[], ["publish"], ["key", "create"]]) {
      const cli = terminal()
      assert.strictEqual(await cli.run("help", ...verb), 0)
      assert.strictEqual(cli.printed, await helpOf(verb.join(" ")))
    }
  })

  it("finds the verbs that it speaks of", () => {
    for (const verb of ["publish", "release apply", "key create", "audit verify", "completion"]) {
      assert.include(verbs, verb)
    }
    assert.isAbove(verbs.length, 17)
  })

  it("of each verb says what it does, how it is called and with which flags", async () => {
    for (const verb of verbs) {
      const help = await helpOf(verb)
      assert.match(help, /^DESCRIPTION\n {2}\S/, verb)
      assert.include(help, `USAGE\n  herald ${verb}`, verb)
      assert.includeMembers(
        rows(help, "GLOBAL FLAGS").map((row) => /--[a-z]+/.exec(row)?.[0]),
        ["--help", "--server", "--grpc", "--token", "--data", "--output"],
        verb
      )
    }
  })

  it("says of each verb, flag and argument what it is, and completion repeats it", () => {
    const bare: Array<string> = []
    const walk = (command: Completions.CommandDescriptor, path: ReadonlyArray<string>): void => {
      const at = [...path, command.name]
      for (const one of [command, ...command.flags, ...command.arguments])
        if ((one.description ?? "").trim() === "") bare.push(`${at.join(" ")} ${one.name}`)
      for (const one of command.subcommands) walk(one, at)
    }
    walk(Completions.fromCommand(herald), [])
    assert.deepStrictEqual(bare, [])
  })

  it("gives examples for each verb", async () => {
    for (const verb of verbs) {
      const examples = part(await helpOf(verb), "EXAMPLES").filter((line) => line.includes("herald "))
      assert.isAbove(examples.length, 0, verb)
    }
  })
})

describe("docs/cli.md", () => {
  it("has a section a verb, with its description, its usage, each flag and each example of --help", async () => {
    for (const verb of verbs) {
      const help = await helpOf(verb)
      const text = section(verb)
      assert.notStrictEqual(text, "", `no section "### herald ${verb}"`)
      const usage = part(help, "USAGE")[0]!
      for (const needed of [
        part(help, "DESCRIPTION")[0]!.replace(/[.:]$/, ""),
        usage,
        ...rows(help, "FLAGS"),
        ...part(help, "EXAMPLES").filter((line) => line !== "" && !line.startsWith("# "))
      ]) {
        assert.include(text, needed, `herald ${verb}`)
      }
    }
  })

  it("has each verb in its index", () => {
    const index = page.slice(0, page.indexOf("## For every verb"))
    for (const verb of verbs) assert.include(index, `[${verb}](#herald-${verb.replaceAll(" ", "-")})`)
  })

  it("names no verb and no flag that does not exist", async () => {
    const sections = [...page.matchAll(/^### herald (.+)$/gm)].map(([, verb]) => verb)
    assert.sameMembers(sections, [...verbs])
    for (const verb of verbs) {
      const known = rows(await helpOf(verb), "FLAGS")
      assert.deepStrictEqual([...section(verb).matchAll(/^\| `--.*$/gm)].map(String), [...known], verb)
    }
  })

  it("has the global flags, every exit code and every environment variable", async () => {
    for (const row of rows(await helpOf(""), "GLOBAL FLAGS")) assert.include(page, row)
    const exits = new Set([0, 2, 130, 143, ...Object.values(catalogue).map(({ exit }) => exit)])
    for (const exit of exits) assert.match(page, new RegExp(`^\\| ${exit} \\|`, "m"))
    for (const name of ["SERVER", "GRPC", "TOKEN", "DATA", "ENV"]) assert.include(page, `| \`HERALD_${name}\` |`)
    for (const name of ["NO_COLOR", "FORCE_COLOR"]) assert.include(page, `\`${name}\``)
  })
})

describe("completion", () => {
  for (const shell of ["bash", "zsh", "fish"] as const) {
    it(`for ${shell} knows every verb and every flag`, async () => {
      const cli = terminal()
      assert.strictEqual(await cli.run("completion", shell), 0)
      for (const word of verbs.flatMap((verb) => verb.split(" "))) assert.include(cli.printed, word)
      for (const verb of verbs) {
        const help = await helpOf(verb)
        for (const row of [...rows(help, "FLAGS"), ...rows(help, "GLOBAL FLAGS")]) {
          const name = /--([a-z-]+)/.exec(row)?.[1] ?? ""
          assert.include(cli.printed, shell === "fish" ? `-l ${name}` : `--${name}`, verb)
        }
      }
      assert.include(cli.printed, `herald completion ${shell}`)
      assert.notInclude(cli.printed, "--completions")
    })
  }

  it("for bash is a script that bash reads, and completes verbs, flags and choices", async () => {
    const cli = terminal()
    await cli.run("completion", "bash")
    const complete = (...words: ReadonlyArray<string>): ReadonlyArray<string> => {
      const array = words.map((word) => `'${word}'`).join(" ")
      const ask = `COMP_WORDS=(${array}); COMP_CWORD=${words.length - 1}; COMP_LINE='${words.join(" ")}'; COMP_POINT=\${#COMP_LINE}
_herald; printf '%s\\n' "\${COMPREPLY[@]}"`
      const { stdout, stderr } = spawnSync("bash", ["--norc"], { input: `${cli.printed}\n${ask}\n`, encoding: "utf8" })
      assert.strictEqual(stderr, "")
      return stdout
        .split("\n")
        .map((word) => word.trim())
        .filter(Boolean)
    }
    assert.deepStrictEqual(complete("herald", "pub"), ["publish"])
    assert.deepStrictEqual(complete("herald", "audit", ""), ["tail", "verify", "export", "key"])
    assert.include(complete("herald", "get", "--cons"), "--consistency")
    assert.includeMembers([...complete("herald", "list", "--output", "")], ["table", "json", "yaml"])
  })

  it("refuses a shell that it does not know", async () => {
    const cli = terminal()
    assert.strictEqual(await cli.run("completion", "powershell"), 2)
  })
})
