/** What the pages on topics and market data give to be typed is typed, in their order, into a shell beside a real server: each line works as it stands. */
import { spawn } from "node:child_process"
import { chmod, mkdir, readFile, symlink, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { newFolder } from "../support/folder.ts"
import { type Server, startServer } from "../support/Server.ts"
import { waitUntil } from "../support/waitUntil.ts"

let server: Server
const folder = newFolder()
const bin = new URL("../../bin/herald.js", import.meta.url).pathname

beforeAll(async () => {
  server = await startServer({})
  await mkdir(join(folder.path, "bin"))
  await mkdir(join(folder.path, ".herald"))
  await writeFile(join(folder.path, ".herald/admin-token"), server.token)
  await symlink(process.execPath, join(folder.path, "bin/node"))
  await writeFile(join(folder.path, "bin/herald"), `#!/bin/sh\nexec "${process.execPath}" "${bin}" "$@"\n`)
  await chmod(join(folder.path, "bin/herald"), 0o755)
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  folder.remove()
})

/** Of a page: the lines of its shell blocks, with those that go on in the next line. */
const linesOf = async (page: string): Promise<ReadonlyArray<string>> => {
  const text = await readFile(new URL(`../../docs/${page}`, import.meta.url), "utf8")
  return [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].flatMap(([, block]) =>
    block!
      .replaceAll("\\\n", " ")
      .split("\n")
      .filter((line) => line.trim() !== "")
  )
}

/** What goes on until somebody ends it: it is enough that it says something. */
const follows = /\btopic tail\b(?!.*--once)|curl -N|demo market|market stream/
const exported = new Map<string, string>()
const running: Array<() => void> = []

/** Ends with the command, or once it says something if it goes on. */
const type = (line: string): Promise<{ readonly code: number | null; readonly said: string }> =>
  new Promise((resolve) => {
    const { host } = new URL(server.http)
    const child = spawn("bash", ["-c", line.replaceAll("localhost:8080", host)], {
      cwd: folder.path,
      detached: true,
      env: {
        ...{ PATH: `${join(folder.path, "bin")}:${process.env["PATH"]}`, HERALD_DATA: server.data },
        ...Object.fromEntries(exported)
      },
      stdio: ["ignore", "pipe", "pipe"]
    })
    let said = ""
    const goesOn = follows.test(line)
    if (goesOn) running.push(() => process.kill(-child.pid!))
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk) => {
        said += String(chunk)
        if (goesOn && /\S/.test(said)) resolve({ code: 0, said })
      })
    child.on("close", (code) => resolve({ code, said }))
  })

const isRight = ({ code, said }: Awaited<ReturnType<typeof type>>): boolean =>
  code === 0 && !/HRLD-\d{4}|command not found/.test(said)

/** What is asked of a market that has just begun has an answer soon. */
const walk = async (page: string): Promise<number> => {
  const lines = await linesOf(page)
  for (const line of lines) {
    const [, name, value] = /^export (\w+)=(.*?)(?:\s+#.*)?$/.exec(line) ?? []
    if (name !== undefined) {
      exported.set(name, (await type(`echo ${value}`)).said.trim())
      continue
    }
    let told = await type(line)
    if (/v1\/market-data|market (latest|history)/.test(line))
      await waitUntil(line, async () => isRight(told) || isRight((told = await type(line))))
    assert.isTrue(isRight(told), `${line}\n${told.code} ${told.said}`)
  }
  for (const end of running.splice(0)) end()
  return lines.length
}

describe("what the pages give to be typed", () => {
  it("works as it stands: docs/topics.md", async () => {
    assert.isAbove(await walk("topics.md"), 10)
  })
  it("works as it stands: docs/market-data.md", async () => {
    assert.isAbove(await walk("market-data.md"), 3)
  })
})
