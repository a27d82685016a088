/** What npm and JSR ship, used by those who install it: packed as for a release, installed into empty projects, run there. */
import { existsSync, lstatSync, readdirSync, readFileSync } from "node:fs"
import { isBuiltin } from "node:module"
import { dirname, join, resolve } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { afterAll, beforeAll } from "vitest"
import { bin, Consumer, type Manifest, pack, read, root, run } from "../support/Consumer.ts"
import { commonJs, flagging, plain, program } from "../support/Programs.ts"
import { Server } from "../support/Server.ts"
import { importsOf } from "../support/Syntax.ts"

const NODE_24 = "node@24.21.0"
const OPENFEATURE = "@openfeature/server-sdk@1.23.0"
/** Its own declarations do not fit those of Node 26. */
const THEIRS = ["--skipLibCheck"]
const patience = { timeout: 900_000 }

const service = new Consumer()
const operator = new Consumer()
let server: Server

beforeAll(async () => {
  const client = await pack("packages/client", service.folder.path)
  const herald = await pack(".", operator.folder.path)
  await service.install(client, NODE_24, "esbuild@0.28.2", OPENFEATURE)
  await operator.install(herald)
  server = await new Server({}, { command: [process.execPath, command, "start"] }).start()
  assert.strictEqual((await server.publish("shop", { port: 8080 }, { type: "json" })).status, 200)
  const flag = { value: { enabled: true, percentage: 100 } }
  assert.strictEqual((await server.call("PUT", "/v1/flags/checkout?environment=production", flag)).status, 200)
}, patience.timeout)
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  for (const consumer of [service, operator]) consumer.folder.remove()
})

const command = operator.at("node_modules/herald/bin/herald.js")
const packages = [operator.at("node_modules/herald"), service.at("node_modules/@herald/client")]
const filesOf = (folder: string): ReadonlyArray<string> =>
  readdirSync(folder, { recursive: true, encoding: "utf8" }).map((file) => join(folder, file))

/** Runs the program in the service's project against the server that the operator's package started. */
const applied = async (...argv: ReadonlyArray<string>): Promise<string> =>
  (await service.run(argv, { GRPC: server.grpc, TOKEN: server.token })).trim()

describe("the packages", () => {
  it("PK1 PK2 each holds and declares all that it asks for", () => {
    for (const folder of packages) {
      const manifest = read<Manifest>(folder, "package.json")
      const { dependencies, optionalDependencies, peerDependencies } = manifest
      const declared = Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies })
      const asked = (file: string) => {
        const text = readFileSync(file, "utf8")
        const imports = importsOf(file, text).map(({ to }) => to)
        const types = [...text.matchAll(/\bimport\("([^"\n]+)"\)/g)].map(([, to]) => to!)
        const beside = [...text.matchAll(/(?:new URL\(|require\w*\([^()]*\)\()["`](\.[^"`$]+)/g)].map(([, to]) => to!)
        return [...imports, ...types, ...beside]
      }
      const found = filesOf(join(folder, "dist")).filter((file) => /\.(js|d\.ts)$/.test(file))
      const edges = found.flatMap((file) => asked(file).map((to) => ({ file, to })))
      const missing = edges.filter(({ file, to }) => {
        if (/^[./]/.test(to)) return !existsSync(resolve(dirname(file), to))
        return !isBuiltin(to) && !declared.some((one) => to === one || to.startsWith(`${one}/`))
      })

      assert.isAbove(edges.length, 60)
      assert.deepStrictEqual(missing, [])
    }
  })

  it("PK4 each holds no source but in its maps, and every map has its source", () => {
    for (const folder of packages) {
      const files = filesOf(folder)
      const strange = files.filter((file) => /\.ts$/.test(file) && !file.endsWith(".d.ts"))
      const maps = files.filter((file) => file.endsWith(".js.map"))
      const empty = maps.filter((file) => {
        const { sources, sourcesContent } = read<{ sources: Array<string>; sourcesContent?: Array<string> }>(file)
        return sources.length !== 1 || sourcesContent?.length !== 1 || sourcesContent[0] === ""
      })

      assert.deepStrictEqual(strange, [])
      assert.deepStrictEqual(
        files.filter((file) => /\/(test|bench|docs|node_modules)(\/|$)/.test(file.slice(folder.length))),
        []
      )
      assert.isAbove(maps.length, 30)
      assert.deepStrictEqual(empty, [])
    }
  })

  it("PK2 the client asks for grpc-js and the engine only, and both packages and JSR name one version of everything", () => {
    const server = read<Manifest>(root, "package.json")
    const client = read<Manifest>(root, "packages/client/package.json")
    const jsr = read<Manifest & { readonly imports: Record<string, string> }>(root, "packages/client/jsr.json")
    const of = (name: string) => server.dependencies?.[name]

    const engine = of("json-logic-engine") ?? "none"
    assert.deepStrictEqual(client.dependencies, {
      "@grpc/grpc-js": `^${of("@grpc/grpc-js")}`,
      "json-logic-engine": engine
    })
    assert.deepStrictEqual(client.peerDependencies, server.peerDependencies)
    assert.deepStrictEqual([client.version, jsr.version], [server.version, server.version])
    assert.strictEqual(jsr.name, client.name)
    assert.deepStrictEqual(jsr.imports, {
      "@bufbuild/protobuf/wire": `npm:@bufbuild/protobuf@${of("@bufbuild/protobuf")}/wire`,
      "@grpc/grpc-js": `npm:@grpc/grpc-js@^${of("@grpc/grpc-js")}`,
      "@openfeature/server-sdk": `npm:@openfeature/server-sdk@${client.peerDependencies?.["@openfeature/server-sdk"]}`,
      "json-logic-engine": `npm:json-logic-engine@${engine}`
    })
  })

  it("PK2 what has nothing to do with flags loads neither OpenFeature's SDK nor the engine", async () => {
    const loaded =
      'import { registerHooks } from "node:module"\nconst seen = []\nregisterHooks({ resolve: (to, of, next) => (seen.push(to), next(to, of)) })\nawait import("@herald/client")\nconsole.log(seen.length > 10, seen.filter((to) => /openfeature|json-logic/.test(to)))\n'
    service.write("loaded.js", loaded)
    assert.strictEqual(await service.run([process.execPath, "loaded.js"]), "true []\n")
  })

  it("PK3 the client takes at most 3.2 MB of disk beside grpc-js", () => {
    const folders = ["@herald", "json-logic-engine"].map((name) => service.at("node_modules", name))
    const bytes = folders.flatMap(filesOf).reduce((sum, file) => sum + lstatSync(file).blocks * 512, 0)

    assert.isBelow(bytes, 3_200_000)
  })
})

describe("a service that installed @herald/client", patience, () => {
  it("PK4 takes its types strictly, as nodenext and as a bundler resolve them", async () => {
    service.write("shop.ts", program)
    await service.types("shop.ts", "nodenext")
    await service.types("shop.ts", "bundler")
  })

  it("applies a value under Node 26, Node 24 and Deno, imported or required", async () => {
    service.write("shop.js", plain)
    service.write("shop.cjs", commonJs)
    for (const argv of [[process.execPath], [service.at("node_modules/node/bin/node")], [bin("deno"), "run", "-A"]]) {
      assert.strictEqual(await applied(...argv, "shop.js"), "8080 live", argv.join(" "))
      assert.strictEqual(await applied(...argv, "shop.cjs"), "8080 live", argv.join(" "))
    }
    assert.match(await service.run([service.at("node_modules/node/bin/node"), "--version"]), /^v24\./)
  })

  it("FK1 evaluates flags by OpenFeature's SDK, under Node 26, Node 24 and Deno, imported or required, with strict types", async () => {
    const text = flagging("@herald/client/openfeature")
    for (const file of ["flags.ts", "flags.js"]) service.write(file, text)
    service.write("flags.cjs", text.replaceAll(/import (.*) from (".*")/g, "const $1 = require($2)"))
    for (const how of ["nodenext", "bundler"] as const) await service.types("flags.ts", how, ...THEIRS)
    for (const argv of [[process.execPath], [service.at("node_modules/node/bin/node")], [bin("deno"), "run", "-A"]]) {
      assert.strictEqual(await applied(...argv, "flags.js"), "true on STATIC", argv.join(" "))
      assert.strictEqual(await applied(...argv, "flags.cjs"), "true on STATIC", argv.join(" "))
    }
  })

  it("PK2 loads the web entry as it stands, in Node without a bundler, with the names that it exports", async () => {
    const loading = (from: string) =>
      `import * as web from "${from}"\nconsole.log(typeof web.HeraldClient.connect, Object.keys(web).sort().join())\n`
    const said: Array<string> = []
    for (const [consumer, from] of [
      [service, "@herald/client"],
      [operator, "herald/client"]
    ] as const) {
      consumer.write("web.js", loading(`${from}/web`))
      consumer.write("whole.js", loading(from))
      const [web, whole] = await Promise.all(
        ["web.js", "whole.js"].map((file) => consumer.run([process.execPath, file]))
      )
      assert.strictEqual(web, whole, "as the entry for Node has them")
      said.push(web!)
    }
    assert.match(said[0]!, /^function .*\bHeraldClient\b/)
  })

  it("applies a value as one file that esbuild made", async () => {
    service.write("shop.ts", program)
    const esbuild = service.at("node_modules/.bin/esbuild")
    await service.run([esbuild, "shop.ts", "--bundle", "--platform=node", "--outfile=bundle/shop.cjs"])
    const alone = new Consumer()
    try {
      alone.write("shop.cjs", readFileSync(service.at("bundle/shop.cjs"), "utf8"))
      assert.strictEqual(await applied(process.execPath, alone.at("shop.cjs")), "8080 live")
    } finally {
      alone.folder.remove()
    }
  })

  it("PK4 sees our sources in a stack, at the right line", async () => {
    service.write(
      "wrong.js",
      'import { HeraldClient } from "@herald/client"\nawait HeraldClient.connect({ service: "shop" })\n'
    )
    const failed = await service
      .run([process.execPath, "--enable-source-maps", "wrong.js"])
      .then(() => "nothing failed", String)
    const [, file, line] = /(src\/client\/[\w/]+\.ts):(\d+)/.exec(failed) ?? []
    assert.isDefined(file, failed)
    assert.include(readFileSync(join(root, file!), "utf8").split("\n")[Number(line) - 1], "OptionError")
  })

  it("can take it from JSR: Deno would publish it as it stands", async () => {
    const said = await run([bin("deno"), "publish", "--dry-run", "--allow-dirty"], join(root, "packages/client"))
    assert.notInclude(said, "slow type")
  })
})

describe("an operator who installed herald", patience, () => {
  it("asks for its version with npx, under Node 24 and Deno too", async () => {
    const { version } = read<Manifest>(root, "package.json")
    const old = service.at("node_modules/node/bin/node")
    for (const argv of [
      ["npx", "herald"],
      [old, command],
      [bin("deno"), "run", "-A", command]
    ]) {
      assert.strictEqual(await operator.run([...argv, "--version"]), `herald ${version}\n`, argv.join(" "))
    }
  })

  it("publishes with npx to the server that the package started, and sees who applied it", async () => {
    const env = { HERALD_DATA: server.data }
    const said = await operator.run(
      ["npx", "herald", "publish", "desk", '{"x":1}', "--env", "production", "--type", "json", "--message", "a test"],
      env
    )
    assert.strictEqual((JSON.parse(said) as { readonly version: number }).version, 1)
    assert.strictEqual((await server.read("desk")).body.value, '{"x":1}')
    assert.include(await operator.run(["npx", "herald", "clients"], env), '"shop"')
  })

  it("checks large values on worker threads of the package", async () => {
    const schema = { type: "object", properties: { all: { type: "array", items: { type: "integer" } } } }
    const answer = await server.publish("large", { all: Array(20_000).fill(1) }, { type: "json", schema })
    assert.strictEqual(answer.status, 200, JSON.stringify(answer.body))
  })

  it("FK1 evaluates flags by herald/openfeature, once OpenFeature's SDK is there", async () => {
    await operator.install(OPENFEATURE)
    operator.write("flags.ts", flagging("herald/openfeature"))
    await operator.types("flags.ts", "nodenext", ...THEIRS)
    const env = { GRPC: server.grpc, TOKEN: server.token }
    assert.strictEqual(await operator.run([process.execPath, "flags.ts"], env), "true on STATIC\n")
  })

  it("PK4 tests with herald/testing, whose types are strict", async () => {
    operator.write(
      "limits.ts",
      `import { Effect, Layer } from "effect"
import { HeraldClient } from "herald/client"
import { asSystem, Configurations, Herald, node, stores } from "herald/testing"

const test = Effect.gen(function* () {
  const { grpc, token } = yield* Herald
  const { publish } = yield* Configurations
  yield* asSystem(publish([{ key: "limits", environment: "production", value: "250", type: "number" }], { message: "a test" }))
  const client = yield* Effect.promise(() => HeraldClient.connect({ address: grpc, token, service: "limits", waitForSync: true }))
  console.log(client.get<number>("limits"))
  yield* Effect.promise(() => client.close())
})
const layer = Herald.layer.pipe(Layer.provideMerge(node()), Layer.provide(stores))
await Effect.runPromise(test.pipe(Effect.provide(layer)))
`
    )
    await operator.types("limits.ts", "nodenext")
    await operator.types("limits.ts", "bundler")
    // A node's first audit checkpoint is a line of the log, if there was a commit before it looked.
    assert.match(await operator.run([process.execPath, "limits.ts"]), /^250$/m)
  })
})
