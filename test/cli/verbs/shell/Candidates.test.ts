/** Completion of what only a server knows. */
import { spawnSync } from "node:child_process"
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { askedOf } from "../../../../src/cli/verbs/shell/Candidates.ts"
import { FakeHerald } from "../../../support/FakeHerald.ts"
import { terminal } from "../../../support/Terminal.ts"
import { head } from "../../Ask.ts"

describe("candidates", () => {
  it("are asked for by where the word stands", () => {
    const kindOf = (line: string) => askedOf(line.split(" "))?.kind
    for (const [line, kind] of [
      ["get ", "keys"],
      ["get --env staging us", "keys"],
      ["publish a ", undefined],
      ["publish --wait ", "keys"],
      ["list --env ", "environments"],
      ["promote --from ", "environments"],
      ["promote pay --from staging --to ", "environments"],
      ["promote ", "keys"],
      ["compare --with ", "environments"],
      ["rollback --to ", undefined],
      ["clients --service ", "services"],
      ["clients --service=shop --instance w", "instances"],
      ["context use ", "contexts"],
      ["context ", undefined],
      ["key rotate ", "principals"],
      ["list --context p", "contexts"],
      ["get --", undefined],
      ["ge", undefined]
    ] as const)
      assert.strictEqual(kindOf(line), kind, line)
    assert.deepStrictEqual(askedOf(["get", "-e", "staging", "us"]), {
      kind: "keys",
      prefix: "us",
      flags: { e: "staging" }
    })
  })

  it("TB1 are those that begin with what is typed; nothing where something is wrong", async () => {
    await using herald = await FakeHerald.start()
    const keys = ["shop", "shop.b", "sh; rm"].map((key) => ({ ...head, key }))
    herald.on("GET /v1/config", { body: { keys, next: null } })
    herald.on("GET /v1/environments", { body: { environments: [{ environment: "staging", keys: 1 }] } })
    const complete = async (...words: ReadonlyArray<string>) => {
      const cli = terminal()
      assert.strictEqual(await cli.run("__complete", "--", ...words), 0, cli.said)
      assert.deepStrictEqual(cli.err, [])
      return cli.out.join("\n")
    }
    const at = ["--server", herald.url]
    assert.strictEqual(await complete("get", ...at, "-e", "staging", "sh"), "shop\nshop.b")
    assert.deepStrictEqual([herald.last.query["environment"], herald.last.query["prefix"]], ["staging", "sh"])
    assert.strictEqual(await complete("get", ...at, "--env", ""), "staging")
    assert.strictEqual(await complete("get", "--server", "http://127.0.0.1:1", ""), "")
    assert.strictEqual(await complete("get", "--server", "http://a b", ""), "")
  })

  it("are offered by bash, for herald and for npx herald, and what --help knows beside them", async () => {
    const cli = terminal()
    await cli.run("completion", "bash")
    const folder = mkdtempSync(join(tmpdir(), "herald-words-"))
    for (const [name, first] of [
      ["herald", "$1"],
      ["npx", "$2"]
    ]) {
      writeFileSync(join(folder, name!), `#!/bin/sh\n[ "${first}" = __complete ] && printf 'shop\\nshop.b\\n'\n`)
      chmodSync(join(folder, name!), 0o755)
    }
    const complete = (...words: ReadonlyArray<string>): ReadonlyArray<string> => {
      const array = words.map((word) => `'${word}'`).join(" ")
      const ask = `COMP_WORDS=(${array}); COMP_CWORD=${words.length - 1}; COMP_LINE='${words.join(" ")}'; COMP_POINT=\${#COMP_LINE}
_herald_${words[0] === "npx" ? "npx" : "all"}; printf '%s\\n' "\${COMPREPLY[@]}"`
      const { stdout, stderr } = spawnSync("bash", ["--norc"], {
        input: `${cli.printed}\n${ask}\n`,
        encoding: "utf8",
        env: { PATH: `${folder}:${process.env["PATH"]}` }
      })
      assert.strictEqual(stderr, "")
      return stdout
        .split("\n")
        .map((word) => word.trim())
        .filter(Boolean)
    }
    try {
      for (const start of [["herald"], ["npx", "herald"]]) {
        assert.deepStrictEqual(complete(...start, "get", "sh"), ["shop", "shop.b"])
        assert.deepStrictEqual(complete(...start, "list", "--env", ""), ["shop", "shop.b"])
        assert.deepStrictEqual(complete(...start, "pub"), ["publish"])
        assert.include(complete(...start, "get", "--cons"), "--consistency")
      }
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it("are in the scripts of zsh and fish, too", async () => {
    for (const [shell, parts] of [
      ["zsh", ["compdef _herald_all herald", "compdef _herald_npx npx", "__complete"]],
      ["fish", ["-l env -s e -x -a '(__herald_live)'", "complete -c npx", "__complete"]]
    ] as const) {
      const cli = terminal()
      await cli.run("completion", shell)
      for (const part of parts) assert.include(cli.printed, part)
    }
  })
})
