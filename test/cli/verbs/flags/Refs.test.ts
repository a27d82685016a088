/** `herald flag refs` in a checkout of its own, by the git of this machine. */
import { execFileSync } from "node:child_process"
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { FakeHerald } from "../../../support/FakeHerald.ts"
import { newFolder } from "../../../support/folder.ts"
import { terminal } from "../../../support/Terminal.ts"

const flag = (name: string) => ({
  flag: name,
  environment: "production",
  version: 1,
  revision: 1,
  definition: { enabled: true },
  deleted: false,
  digest: "d",
  createdAt: 0,
  updatedAt: 0,
  updatedBy: "ann",
  message: ""
})

const git = (folder: string, ...args: ReadonlyArray<string>) =>
  execFileSync("git", ["-C", folder, "-c", "user.name=t", "-c", "user.email=t@t", ...args], { stdio: "pipe" })

/** A checkout with these files. `git`: false for a folder that is none. */
const checkout = (files: Readonly<Record<string, string | Uint8Array>>, isGit = true) => {
  const { path, remove } = newFolder()
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(path, name, ".."), { recursive: true })
    writeFileSync(join(path, name), content)
  }
  if (isGit) {
    git(path, "init", "-q", "-b", "main")
    git(path, "remote", "add", "origin", "https://ann:s3cret@github.com/acme/shop.git")
  }
  return { path, [Symbol.dispose]: remove }
}

const run = async (folder: string, ...args: ReadonlyArray<string>) => {
  await using herald = await FakeHerald.start()
  herald.on("GET /v1/flags", { body: { flags: [flag("a"), flag("b"), flag("never")], next: null } })
  herald.on("PUT /v1/refs", {
    body: {
      environment: "production",
      repository: "github.com/acme/shop",
      branch: "main",
      commit: "",
      toldAt: 0,
      toldBy: "ci",
      refs: 3
    }
  })
  const cli = terminal({ terminal: true })
  const exit = await cli.run("flag", "refs", folder, ...args, "--server", herald.url)
  return { exit, printed: cli.printed, err: cli.err.join("\n"), last: herald.last }
}

const FILES = {
  ".gitignore": "ignored/\n*.log\n",
  "src/x.ts": `const on = client.getBooleanValue("a", false)\nconst b = "b"\nclient.getStringValue('typo', "a")\n`,
  "src/deep/y.py": `client.get_boolean_value(flag_key="a", default_value=False)\n`,
  "ignored/z.ts": `"never"`,
  "out.log": `"never"`,
  "binary.bin": Buffer.from('"never"\u0000'),
  "huge.txt": `"never"${" ".repeat(1_048_576)}`
}

describe("herald flag refs", () => {
  it("GX1 GX3 prints file and line of each flag, and looks at nothing that git ignores, is binary, huge, or a link", async () => {
    using elsewhere = checkout({ secret: `"never"` }, false)
    using folder = checkout(FILES)
    symlinkSync(join(elsewhere.path, "secret"), join(folder.path, "link.ts"))
    symlinkSync(elsewhere.path, join(folder.path, "linked"))
    const { exit, printed } = await run(folder.path)
    assert.strictEqual(exit, 0)
    assert.strictEqual(
      printed,
      [
        "a",
        "  src/deep/y.py:1",
        "  src/x.ts:1",
        "  src/x.ts:3",
        "b",
        "  src/x.ts:2",
        "never is not named anywhere",
        "typo is no flag src/x.ts:3",
        "2 flags of production in 4 places, 1 nowhere, 1 place with a name that is no flag; 7 files, 4 of them skipped"
      ].join("\n")
    )
  })

  it("GX1 a folder that is a link by now leads nowhere outside, whatever git says is in it", async () => {
    using elsewhere = checkout({ secret: `"never"` }, false)
    using folder = checkout({ "dir/secret": `"a"`, "kept/x": `"b"` })
    git(folder.path, "add", "-A")
    rmSync(join(folder.path, "dir"), { recursive: true })
    symlinkSync(elsewhere.path, join(folder.path, "dir"))
    const { printed } = await run(folder.path)
    assert.include(printed, "kept/x:1")
    assert.include(printed, "never is not named anywhere")
    assert.notInclude(printed, "dir/secret:")
  })

  it("--unused and --unknown show what does not fit, and end with 3; as JSON it is the same", async () => {
    using folder = checkout(FILES)
    const unused = await run(folder.path, "--unused")
    assert.strictEqual(unused.exit, 3)
    assert.include(unused.printed, "never is not named anywhere")
    assert.notInclude(unused.printed, "typo is")
    assert.include(unused.err, "1 flag named nowhere")
    const json = await run(folder.path, "--unknown", "-o", "json")
    assert.strictEqual(json.exit, 3)
    const { flags, unknown, ...rest } = JSON.parse(json.printed)
    assert.deepStrictEqual(unknown, [{ name: "typo", file: "src/x.ts", line: 3 }])
    assert.deepStrictEqual(flags[1], { flag: "b", refs: [{ file: "src/x.ts", line: 2 }] })
    assert.deepStrictEqual(rest, { environment: "production", files: 5, skipped: 2, unused: ["never"] })
    using whole = checkout({ "x.ts": `"a" "b" "never"` })
    assert.strictEqual((await run(whole.path, "--unused", "--unknown")).exit, 0)
  })

  it("--post tells the places by repository and branch, and no password", async () => {
    using folder = checkout(FILES)
    const { exit, last, err } = await run(folder.path, "--post")
    assert.strictEqual(exit, 0, err)
    assert.strictEqual(last.line, "PUT /v1/refs")
    assert.deepStrictEqual(last.query, {
      environment: "production",
      repository: "github.com/acme/shop",
      branch: "main"
    })
    assert.deepStrictEqual(last.body, {
      refs: [
        { flag: "a", file: "src/deep/y.py", line: 1 },
        { flag: "a", file: "src/x.ts", line: 1 },
        { flag: "a", file: "src/x.ts", line: 3 },
        { flag: "b", file: "src/x.ts", line: 2 }
      ]
    })
    assert.include(err, "told 3 places of github.com/acme/shop (main)")
    git(folder.path, "add", ".gitignore")
    git(folder.path, "commit", "-qm", "x")
    const named = await run(folder.path, "--post", "--repository", "shop", "--branch", "next")
    assert.deepStrictEqual(named.last.query, { environment: "production", repository: "shop", branch: "next" })
    assert.match((named.last.body as { commit: string }).commit, /^[0-9a-f]{40}$/)
  })

  it("GX2 nothing that a checkout says is run", async () => {
    using folder = checkout(FILES)
    const trap = join(folder.path, "trap.sh")
    writeFileSync(trap, `#!/bin/sh\ntouch "${folder.path}/sprung"\n`, { mode: 0o755 })
    git(folder.path, "config", "core.fsmonitor", trap)
    git(folder.path, "config", "core.hooksPath", folder.path)
    await run(folder.path)
    const { files } = JSON.parse((await run(folder.path, "-o", "json")).printed)
    assert.strictEqual(files, 6) // with the trap, and not what it would leave
  })

  it("a folder that is no checkout is looked at whole, and what it is called must be said", async () => {
    using folder = checkout(FILES, false)
    const { exit, printed, err } = await run(folder.path)
    assert.strictEqual(exit, 0)
    assert.include(printed, "ignored/z.ts:1")
    assert.include(err, "git knows nothing of this folder")
    assert.strictEqual((await run(folder.path, "--post")).exit, 2)
    assert.strictEqual((await run(join(folder.path, "gone"))).exit, 2)
  })
})
