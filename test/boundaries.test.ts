/**
 * The dependency direction of docs/architecture.md, read from the tree: pure model ← port ← service ← edge; layers → ports; main → everything.
 * A folder that is added is a room and is guarded; names here are of those few that are something else.
 */
import { stripTypeScriptTypes } from "node:module"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { circlesOf, type Edge, edgesOf, packageOf, rolesOf, roomOf, saysPort, saysPure } from "./support/Rooms.ts"
import { exportsOf } from "./support/Syntax.ts"
import { EXAMPLE, readTree } from "./support/Tree.ts"

const tree = readTree(fileURLToPath(new URL("..", import.meta.url)), [".ts"])
const edges = edgesOf(tree)
const roles = rolesOf(tree, edges)
const linesOf = (file: string) => tree.get(file)!.trimEnd().split("\n").length

const broken = (rule: (edge: Edge) => boolean) => edges.filter(rule).map(({ file, to }) => `${file} → ${to}`)
const files = (rule: (file: string, text: string) => boolean) =>
  [...tree].filter(([file, text]) => rule(file, text)).map(([file]) => file)

const inSrc = (path: string) => path.startsWith("src/")
const technologyOf = (path: string) => /^layers\/([^/]+)\//.exec(path)?.[1]

/** What translates, what is shipped, where all is put together: every other folder of src holds a capability, or what several share. */
const ROOMS_OF_THEIR_OWN = ["edge", "client", "openfeature", "cli", "node"]
const isCapability = (path: string) => roomOf(path) !== undefined && !ROOMS_OF_THEIR_OWN.includes(roomOf(path)!)
/** Where ports meet layers. */
const ROOTS = /^src\/(main\.ts|testing\.ts|node\/)/
/** Files that are there for one platform. */
const PLATFORM = /^src\/(main\.ts$|node\/|cli\/|client\/(Platform|GrpcTransport|GrpcDial)[^/]*\.ts$)/
/** What computes, and asks nothing of the machine. */
const COMPUTES = [
  "effect",
  "yaml",
  "diff",
  "json-logic-engine",
  "@bufbuild/protobuf",
  "@bufbuild/re2",
  "@marcbachmann/cel-js"
]
/** What evaluates flags runs in applications, too. */
const EVALUATES = ["json-logic-engine", "effect"]
/** What dials a server. What serves has a port of its own for calls: src/edge/grpc/ServerCall.ts. */
const OF_GRPC = /^src\/client\//
/** What stands on the SDK of somebody else. */
const OF_OPENFEATURE = /^src\/openfeature\//
/** What Node itself gives: every other technology may stand on it. */
const OF_NODE = ["Crypto", "Files", "Sockets"]
/** The lists, made by `npm run docs`, of what every room tells users, and of its settings. */
const LISTS = { errors: "src/errors/Rows.ts", settings: "src/settings/Groups.ts" }
const isList = (file: string) => Object.values(LISTS).includes(file)
/** Programs that tests run, and suites that are run against several things. */
const RUN_BY_TESTS = ["test/chaos/Chaos.ts"]

describe("boundaries", () => {
  it("finds the files it speaks of", () => {
    assert.isAbove(files(inSrc).length, 200)
    assert.isAbove(edges.length, 2_000)
    assert.isAbove([...roles.values()].filter((role) => role === "port").length, 15)
    assert.deepStrictEqual(
      broken(({ to }) => /^(src|layers|test)\/.*\.ts$/.test(to) && !tree.has(to) && !to.startsWith(EXAMPLE)),
      []
    )
  })

  it("only the composition roots import layers", () => {
    assert.deepStrictEqual(
      broken(({ file, to }) => inSrc(file) && !ROOTS.test(file) && to.startsWith("layers/")),
      []
    )
    assert.deepStrictEqual(
      broken(({ file, to }) => file === "src/node/Node.ts" && to.startsWith("layers/")),
      []
    )
  })

  it("src imports nothing that reaches outside of the process, platform files aside", () => {
    assert.deepStrictEqual(
      broken(({ file, to }) => {
        const from = packageOf(to)
        if (!inSrc(file) || PLATFORM.test(file) || from === undefined || COMPUTES.includes(from)) return false
        if (from === "@openfeature/server-sdk" && OF_OPENFEATURE.test(file)) return false
        return !(from === "@grpc/grpc-js" && OF_GRPC.test(file))
      }),
      []
    )
  })

  it("capabilities never import an edge, the SDK, the CLI or a root", () => {
    assert.deepStrictEqual(
      broken(({ file, to }) => isCapability(file) && inSrc(to) && !isCapability(to) && !isList(file)),
      []
    )
  })

  it("no rooms lean on each other in a circle", () => {
    assert.deepStrictEqual(circlesOf(edges.filter(({ file }) => !isList(file))), [])
  })

  it("a port stands on models and ports; what says that it is a port builds no service, what says that it is pure is a model", () => {
    assert.deepStrictEqual(
      broken(({ file, to }) => isCapability(file) && roles.get(file) === "port" && roles.get(to) === "service"),
      []
    )
    assert.deepStrictEqual(
      files((file, text) => isCapability(file) && saysPort(text) && roles.get(file) === "service"),
      []
    )
    assert.deepStrictEqual(
      files((file, text) => isCapability(file) && saysPure(text) && roles.get(file) !== "model"),
      []
    )
  })

  it("what a room tells users leans on nothing, and the list of it on nothing else", () => {
    const told = /^src\/[a-z]+\/Errors\.ts$/
    assert.deepStrictEqual(
      broken(({ file, to }) =>
        told.test(file) ? to !== "src/errors/Row.ts" : file === LISTS.errors && !told.test(to)
      ),
      []
    )
  })

  it("what a room says of its settings leans on what a setting is, and the list of it on nothing else", () => {
    const said = /^src\/[a-z]+\/Settings\.ts$/
    assert.deepStrictEqual(
      broken(({ file, to }) =>
        said.test(file) ? !/^(src\/settings\/|effect\b)/.test(to) : file === LISTS.settings && !said.test(to)
      ),
      []
    )
  })

  it("of the server the SDK imports models alone, which import no package; beside them only the protocol", () => {
    const { shared, others } = reachedBy("client")
    assert.isNotEmpty(shared)
    assert.deepStrictEqual(
      broken(({ file, to }) => shared.includes(file) && packageOf(to) !== undefined),
      []
    )
    assert.deepStrictEqual(others, [])
  })

  it("what evaluates flags is models alone, the same wherever it runs", () => {
    assert.deepStrictEqual(
      files((file) => roomOf(file) === "evaluation" && roles.get(file) !== "model"),
      []
    )
    assert.deepStrictEqual(
      broken(
        ({ file, to }) =>
          roomOf(file) === "evaluation" && packageOf(to) !== undefined && !EVALUATES.includes(packageOf(to)!)
      ),
      []
    )
  })

  it("what the SDK has for OpenFeature stands on the SDK, and on models that import the engine of rules alone", () => {
    const { shared, others } = reachedBy("openfeature")
    assert.include(shared, "src/evaluation/Evaluator.ts")
    assert.deepStrictEqual(
      broken(({ file, to }) => shared.includes(file) && ![undefined, "json-logic-engine"].includes(packageOf(to))),
      []
    )
    assert.deepStrictEqual(others, [])
  })
})

/** Files of the server that a room of the SDK ships: models alone; and what else it ships. */
const reachedBy = (room: string) => {
  const isSdk = (file: string) => [room, "client"].includes(roomOf(file) ?? "")
  const reached = new Set(files((file) => roomOf(file) === room))
  for (const file of reached)
    for (const edge of edges) if (edge.file === file && tree.has(edge.to)) reached.add(edge.to)
  const shared = [...reached].filter((file) => !isSdk(file) && inSrc(file))
  assert.deepStrictEqual(
    shared.filter((file) => !isCapability(file) || roles.get(file) !== "model"),
    []
  )
  return { shared, others: [...reached].filter((file) => !inSrc(file) && !file.startsWith("proto/generated/")) }
}

describe("layers", () => {
  it("KI4 what tells others of changes knows no kind: each says itself what is told of it", () => {
    const kinds = new Set(files((file, text) => inSrc(file) && /: Kind<\w+> = /.test(text)).map(roomOf))
    assert.includeMembers([...kinds], ["configuration", "flags"])
    const tells =
      /^(src\/(propagation|outbox|consumers|webhooks|feeds)|layers\/(Kafka|Webhook\/webhooks|\w+\/propagation))\//
    assert.deepStrictEqual(
      broken(({ file, to }) => tells.test(file) && inSrc(to) && kinds.has(roomOf(to))),
      []
    )
  })

  it("one technology never imports another", () => {
    assert.deepStrictEqual(
      broken(({ file, to }) => {
        const [own, other] = [technologyOf(file), technologyOf(to)]
        return own !== undefined && other !== undefined && own !== other && !OF_NODE.includes(other)
      }),
      []
    )
  })

  it("<Technology>/<capability>/<Port>.ts gives `layer`, of a port of that capability, and nothing else", () => {
    const adapter = /^layers\/[^/]+\/([^/]+)\/([^/]+)$/
    const wrong = files((file, text) => {
      const [, capability, name] = adapter.exec(file) ?? []
      if (capability === undefined || !isCapability(`src/${capability}/`)) return false
      const port = `src/${capability}/${name}`
      const given = exportsOf(file, text)
      const isAdapter = roles.get(port) === "port" || (tree.has(port) && saysPort(tree.get(port)!))
      return (isAdapter || given.includes("layer")) && given.join() !== "layer"
    })
    assert.deepStrictEqual(wrong, [])
  })
})

describe("tests", () => {
  it("reach into their own room, what all share, and the contracts; what all share into no room", () => {
    const roomOfTest = (path: string) => /^test\/([^/]+)\//.exec(path)?.[1]
    assert.deepStrictEqual(
      broken(({ file, to }) => {
        const [own, other] = [roomOfTest(file), roomOfTest(to)]
        if (!file.startsWith("test/") || other === undefined || own === other) return false
        if (RUN_BY_TESTS.includes(to) || to.startsWith(EXAMPLE)) return false
        return own === "support" || !["support", "contracts"].includes(other)
      }),
      []
    )
  })

  it("read metrics of their own, never those of whatever else runs in the process", () => {
    assert.deepStrictEqual(
      files(
        (file, text) =>
          /^test\/(?!support|contracts|boundaries)/.test(file) &&
          text.includes("Metric.snapshot") &&
          !/MetricRegistry|PerNode\.layer/.test(text)
      ),
      []
    )
  })
})

describe("files", () => {
  it("the server's process reads its arguments and settings, and is short", () => {
    assert.isAtMost(linesOf("src/main.ts"), 80)
  })

  it("are read by Node as they are: it understands less than the compiler", () => {
    const wrong = files((file) => /^(src|layers)\/.*\.ts$/.test(file)).flatMap((file) => {
      try {
        stripTypeScriptTypes(tree.get(file)!)
        return []
      } catch (error) {
        return [`${file}: ${(error as Error).message}`]
      }
    })
    assert.deepStrictEqual(wrong, [])
  })

  it("stay short", () => {
    assert.deepStrictEqual(
      files((file) => /^(src|layers|test|bench|docs)\//.test(file) && linesOf(file) > 300),
      []
    )
  })
})
