/** What an operator does in a terminal, with a real server and real clients: publish and wait, look, edit, name servers, ask what is wrong. */
import { spawn } from "node:child_process"
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { afterAll, beforeAll } from "vitest"
import { HeraldClient } from "../../src/client/HeraldClient.ts"
import { typing } from "../support/Pty.ts"
import { type Server, startServer } from "../support/Server.ts"
import { waitUntil } from "../support/waitUntil.ts"

let server: Server
const clients: Array<HeraldClient> = []
beforeAll(async () => {
  server = await startServer()
})
afterAll(async () => {
  for (const client of clients) await client.close()
  await server[Symbol.asyncDispose]()
})

const bin = new URL("../../bin/herald.js", import.meta.url).pathname
const env = () => ({ PATH: process.env["PATH"] ?? "", HERALD_DATA: server.data, HOME: server.data })
const command = (...args: ReadonlyArray<string>) => [process.execPath, bin, ...args]

const run = async (args: ReadonlyArray<string>, more: Record<string, string> = {}) => {
  const child = spawn(process.execPath, [bin, ...args], {
    env: { ...env(), ...more },
    stdio: ["ignore", "pipe", "pipe"]
  })
  let [out, err] = ["", ""]
  child.stdout.on("data", (chunk) => (out += String(chunk)))
  child.stderr.on("data", (chunk) => (err += String(chunk)))
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve))
  return { code, out, err, json: () => JSON.parse(out) }
}

/** Refuses values that say so. */
const client = async (instance: string): Promise<HeraldClient> => {
  const made = await HeraldClient.connect({
    address: server.grpc,
    token: server.token,
    service: "waiting",
    instance,
    environment: "production",
    validate: (value) => (JSON.stringify(value).includes("bad") ? "port is taken" : true)
  })
  clients.push(made)
  return made
}

describe("an operator", () => {
  it("AW1 publishes and waits: until all have it, or one refused it", async () => {
    assert.strictEqual((await run(["publish", "waiting", '{"x":true}', "--type", "json"])).code, 0)
    for (const name of ["w1", "w2", "w3"]) await client(name)
    const good = await run(["publish", "waiting", '{"x":false}', "--wait"])
    assert.strictEqual(good.code, 0, good.err)
    assert.deepInclude(good.json(), {
      version: 2,
      reached: { clients: 3, applied: 3, rejected: 0, problem: 0, pending: 0, away: 0 }
    })
    assert.include(good.err, "applied by all 3 clients")

    const shown = typing(command("publish", "waiting", '{"x":true}', "--wait"), env())
    assert.strictEqual(await shown.ended, 0, shown.seen())
    assert.include(shown.seen(), "~ /x false → true")
    assert.include(shown.seen(), "\r\u001b[2K3/3 applied")
    assert.include(shown.seen(), "applied by all 3 clients")

    const bad = await run(["publish", "waiting", '{"bad":1}', "--wait"])
    assert.strictEqual(bad.code, 8, bad.err)
    assert.include(bad.err, "port is taken")
    assert.include(bad.err, "herald rollback waiting --to 3")
    const rejected = (await run(["clients", "--rejected", "--key", "waiting"])).json()
    assert.sameMembers(
      rejected.map(({ instance }: { instance: string }) => instance),
      ["w1", "w2", "w3"]
    )
    const status = await run(["status", "--output", "table"])
    assert.include(status.out, "ready, revision 4")
    assert.include(status.out, "3 rejected")
    assert.match(status.out, /waiting\/w\d {2}waiting version 4 rejected: .*port is taken/)
    assert.strictEqual((await run(["rollback", "waiting", "--to", "3", "--wait"])).code, 0)
    assert.deepStrictEqual((await run(["clients", "--rejected"])).json(), [])
    assert.deepStrictEqual((await run(["clients", "--lagging"])).json(), [])
    assert.strictEqual((await run(["clients", "--connected", "--service", "waiting"])).json().length, 3)
  })

  it("AW3 Ctrl-C ends the waiting, and says where to look", async () => {
    const { promise, resolve } = Promise.withResolvers<true>()
    const slow = await HeraldClient.connect({
      address: server.grpc,
      token: server.token,
      service: "slow",
      environment: "production",
      hookTimeoutMillis: 120_000,
      validate: () => promise
    })
    clients.push(slow)
    const waiting = typing(command("publish", "slow", "1", "--wait"), env())
    await waitUntil("the live line", () => waiting.seen().includes("0/1 applied"))
    waiting.type("\u0003")
    assert.strictEqual(await waiting.ended, 130, waiting.seen())
    assert.include(waiting.seen(), "look with: herald clients --key slow --env production")
    const late = await run(["publish", "slow", "2", "--wait", "--timeout", "1s"])
    assert.strictEqual(late.code, 9, late.err)
    resolve(true)
  })

  it("ED3 ED4 edits a value in an editor", async () => {
    assert.strictEqual(
      (
        await run([
          "publish",
          "edited",
          '{"x":1}',
          "--type",
          "json",
          "--schema",
          '{"properties":{"x":{"type":"number"}}}'
        ])
      ).code,
      0
    )
    const edit = (editor: string, ...args: ReadonlyArray<string>) =>
      typing(command("edit", "edited", ...args), { ...env(), EDITOR: editor })
    const changed = edit("sed -i s/1,*$/2/")
    assert.strictEqual(await changed.ended, 0, changed.seen())
    assert.include(changed.seen(), "~ /x 1 → 2")
    const same = edit("true")
    assert.strictEqual(await same.ended, 0)
    assert.include(same.seen(), "nothing changed")
    // The first try breaks the schema; the second, which sees why, is right.
    const script = join(server.data, "editor.sh")
    writeFileSync(
      script,
      `#!/bin/sh\nif grep -q '^# ! HRLD-1004' "$1"; then sed -i 's/"no"/3/' "$1"; else sed -i 's/: 2/: "no"/' "$1"; fi\n`
    )
    const twice = edit(`sh ${script}`)
    assert.strictEqual(await twice.ended, 0, twice.seen())
    assert.strictEqual((await run(["get", "edited", "--raw"])).out.replace(/\s/g, ""), '{"x":3}')
  })

  it("ED4 Ctrl-C in the editor keeps what was typed, and says where; where nothing was, nothing stays", async () => {
    const folder = join(server.data, "typing")
    mkdirSync(folder)
    const editing = async (name: string, script: string) => {
      const editor = join(server.data, `${name}.sh`)
      const begun = join(server.data, `${name}.begun`)
      writeFileSync(editor, `${script}\ntouch ${begun}\nexec sleep 1000\n`)
      const edit = typing(command("edit", "edited"), { ...env(), TMPDIR: folder, EDITOR: `sh ${editor}` })
      await waitUntil("the editor", () => existsSync(begun))
      edit.type("\u0003")
      assert.strictEqual(await edit.ended, 130, edit.seen())
      return edit.seen()
    }
    assert.notInclude(await editing("idle", "true"), "kept in")
    assert.deepStrictEqual(
      readdirSync(folder).filter((name) => name.startsWith("herald-")),
      []
    )
    const seen = await editing("typed", 'echo more >> "$1"')
    const kept = /what you typed is kept in (\S+)/.exec(seen)?.[1] ?? ""
    assert.match(readFileSync(kept, "utf8"), /more\n$/)
    assert.strictEqual(statSync(kept).mode & 0o777, 0o600)
    // An editor that fails after it wrote: that is not lost either.
    const failing = join(server.data, "failing.sh")
    writeFileSync(failing, 'echo more >> "$1"; exit 3\n')
    const failed = typing(command("edit", "edited"), { ...env(), TMPDIR: folder, EDITOR: `sh ${failing}` })
    assert.strictEqual(await failed.ended, 2)
    assert.match(failed.seen(), /ended with exit code 3[\s\S]*What you typed is kept in \S+/)
  })

  it("--watch has the other screen, and gives the terminal back however it ends", async () => {
    assert.strictEqual((await run(["publish", "watched", "1"])).code, 0)
    for (const [name, key, code] of [
      ["Ctrl-C", "\u0003", 130],
      ["Ctrl-\\", "\u001c", 131]
    ] as const) {
      const watching = typing(command("list", "--watch"), env(), { rows: 10, columns: 60 })
      await waitUntil(`the list (${name})`, () => watching.seen().includes("watched"))
      assert.include(watching.seen(), "\u001b[?1049h")
      watching.type(key)
      const ended = await watching.ended
      assert.strictEqual(ended, code)
      assert.isAbove(watching.seen().lastIndexOf("\u001b[?1049l"), watching.seen().lastIndexOf("VERSION"))
    }
  })

  it("CX1 CX2 names servers, with tokens that are this user's alone", async () => {
    const home = join(server.data, "home")
    const own = { HERALD_DATA: "", HOME: home }
    const file = join(server.data, "t")
    writeFileSync(file, `${server.token}\n`, { mode: 0o600 })
    const add = [
      "context",
      "add",
      "here",
      "--server",
      server.http,
      "--grpc",
      server.grpc,
      "--token-file",
      file,
      "--use"
    ]
    const added = await run(add, own)
    assert.strictEqual(added.code, 0, added.err)
    const kept = join(home, ".config/herald/contexts.json")
    assert.strictEqual(statSync(kept).mode & 0o777, 0o600)
    assert.notInclude(readFileSync(kept, "utf8"), server.token)
    const environments = await run(["env", "list"], own)
    assert.deepStrictEqual(
      environments.json().map(({ environment }: { environment: string }) => environment),
      ["production"]
    )
    const elsewhere = await run(["list", "--server", server.http], own)
    assert.strictEqual(elsewhere.code, 6)
    assert.include(elsewhere.err, "herald key recover")
  })

  it("DO1 DO2 asks what is wrong", async () => {
    const well = await run(["doctor"])
    assert.strictEqual(well.code, 0, well.out)
    const verdicts = well
      .json()
      .checks.map(({ check, verdict }: { check: string; verdict: string }) => `${check} ${verdict}`)
    const all = ["reach", "readiness", "dependencies", "version", "clock", "token", "tls", "grpc"]
    assert.deepStrictEqual(
      verdicts,
      all.map((check) => `${check} ok`)
    )
    const swapped = await run([
      "doctor",
      "--server",
      `http://${server.grpc}`,
      "--grpc",
      server.http.replace("http://", "")
    ])
    assert.strictEqual(swapped.code, 7)
    assert.include(swapped.out, "is Herald's gRPC port")
    assert.include(swapped.out, "does not speak gRPC")
    const stream = await run(["subscribe", "x", "--grpc", server.http.replace("http://", "")])
    assert.strictEqual(stream.code, 7)
    assert.include(stream.err, "does not speak gRPC")
  })

  it("the last admin key is revoked only after a yes", async () => {
    const id = server.token.split("_")[1] ?? ""
    const asked = await run(["key", "revoke", id])
    assert.strictEqual(asked.code, 2)
    assert.include(asked.err, "the last admin key")
    const no = typing(command("key", "revoke", id), env())
    await waitUntil("the question", () => no.seen().includes("Type yes"))
    no.type("no\r")
    assert.strictEqual(await no.ended, 2, no.seen())
    assert.strictEqual((await run(["key", "list"])).code, 0)
  })

  it("AW5 changes variables and waits for those who get the templates made with them", async () => {
    const environment = "made"
    const write = (key: string, value: string, ...more: ReadonlyArray<string>) =>
      run(["publish", key, value, "--type", "json", "--env", environment, ...more])
    assert.strictEqual((await write("herald.variables", '{"zone":"a","other":1}')).code, 0)
    assert.strictEqual((await write("page", '{"zone":"{{zone}}"}')).code, 0)
    assert.strictEqual((await write("site", '{"other":"{{other}}"}')).code, 0)
    for (const service of ["page", "site"])
      clients.push(
        await HeraldClient.connect({
          ...{ address: server.grpc, token: server.token, service, environment },
          validate: (value) => (JSON.stringify(value).includes("bad") ? "no such zone" : true)
        })
      )
    const good = await write("herald.variables", '{"zone":"b","other":1}', "--wait")
    assert.strictEqual(good.code, 0, good.err)
    // The one that comes out as it was is waited for, too.
    assert.deepInclude(good.json().reached, { clients: 2, applied: 2 })
    const bad = await write("herald.variables", '{"zone":"bad","other":1}', "--wait")
    assert.strictEqual(bad.code, 8, bad.err)
    assert.include(bad.err, "no such zone")
    assert.include(bad.err, "herald rollback herald.variables --to 2 --env made")
    const back = await run(["rollback", "herald.variables", "--to", "2", "--env", environment, "--wait"])
    assert.strictEqual(back.code, 0, back.err)
  })
})
