import { existsSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"
import { BaseSequencer, type TestSpecification } from "vitest/node"

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** The example of CONTRIBUTING.md lies over this tree: what a file of it imports, and it has not, is the tree's. */
const EXAMPLE = here("test/example")
const example = {
  name: "example",
  resolveId: (id: string, importer: string | undefined) => {
    if (!id.startsWith(".") || importer?.startsWith(`${EXAMPLE}/`) !== true) return undefined
    const path = join(dirname(importer), id)
    return existsSync(path) ? path : here(relative(EXAMPLE, path))
  }
}

/** Of what the gRPC door can stand on, that which it usually does not: what touches the door is tested on it too. */
const OTHER = { HERALD_TEST_GRPC: "grpc-js" }

/**
 * unit: pure models, services on Memory twins, boundaries. real: real processes and a real PostgreSQL. faults: what is killed, frozen and cut.
 * alone: what counts seconds, one after the other. interop: clients and proxies that nobody here wrote, at the gRPC door. containers: the image
 * and docker-compose.yml, by a Docker engine. What has one `groupOrder` shares its workers; the others run one project after the other.
 */
/** They measure what an attack costs, or wait for real sockets, and take their time: one after the other, and not in `npm run check`. */
const slow = [
  "test/layers/Grpc/lane/hostile/*.test.ts",
  "test/layers/Http/Streams.test.ts",
  "test/layers/Grpc/connect/{Connect,Http1}.test.ts",
  "test/edge/grpc/publishing/{Ending,Streams}.test.ts"
]

/** What projects share whose tests start servers, and programs that are not the server: Node keeps what it compiled of them. */
const SERVERS = {
  globalSetup: here("test/support/Cluster.ts"),
  env: { NODE_COMPILE_CACHE: join(tmpdir(), "node-compile-cache") }
}

/** They take a minute and more of two processors. Begun last, one of them would keep a worker busy long after the other. */
const LONGEST = [
  "faults/17-",
  "faults/32-",
  "end-to-end/Embedded",
  "faults/52-",
  "end-to-end/Secured",
  "faults/47-",
  "end-to-end/Tracing",
  "faults/16-",
  "faults/13-",
  "end-to-end/FirstAdmin",
  "end-to-end/Chaos",
  "end-to-end/EdgeValues",
  "faults/10-",
  "end-to-end/Kafka.",
  "contracts/Kafka.",
  "faults/58-",
  "end-to-end/Deployed",
  "faults/64-",
  "faults/53-",
  "faults/51-"
]

/** Of files that wait for the same workers, those of `LONGEST` first; Vitest itself begins with the largest. */
class LongestFirst extends BaseSequencer {
  override async sort(files: Array<TestSpecification>): Promise<Array<TestSpecification>> {
    const rank = ({ moduleId }: TestSpecification) => {
      const at = LONGEST.findIndex((part) => moduleId.includes(`/test/${part}`))
      return at === -1 ? LONGEST.length : at
    }
    const turn = ({ project }: TestSpecification) => project.config.sequence.groupOrder
    return (await super.sort(files)).sort((a, b) => turn(a) - turn(b) || rank(a) - rank(b))
  }
}

/** They promise an end within so many seconds, of which others beside them would take some. */
const counting = ["test/faults/18-promotion.test.ts"]

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        plugins: [example],
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: [
            "test/faults/**",
            "test/contracts/**",
            "test/end-to-end/**",
            "test/containers/**",
            "test/interop/**",
            "test/example/**",
            ...slow
          ],
          // Modules are loaded once for all files of a worker: half of the time went there.
          isolate: false,
          // One a processor; Vitest leaves one of them to itself, and most of its time it has nothing to do.
          maxWorkers: "100%",
          // What the installed package exports is compiled; here it is what it is compiled from.
          alias: {
            "herald/client/web": here("src/client/Web.ts"),
            "herald/client": here("src/client/HeraldClient.ts"),
            "herald/openfeature": here("src/openfeature/HeraldProvider.ts"),
            "herald/testing": here("src/testing.ts")
          },
          // Only when to give up: on a starved machine the longest took more than 30 s.
          testTimeout: 120_000,
          hookTimeout: 120_000
        }
      },
      {
        plugins: [example],
        test: {
          name: "real",
          ...SERVERS,
          include: ["test/contracts/**/*.test.ts", "test/end-to-end/**/*.test.ts"],
          // Most of their time servers start and end, and a processor has nothing to do.
          maxWorkers: 2,
          sequence: { groupOrder: 2 },
          // Only when to give up: a machine that is starved takes several times as long.
          testTimeout: 300_000,
          hookTimeout: 300_000
        }
      },
      {
        test: {
          name: "faults",
          ...SERVERS,
          include: ["test/faults/**/*.test.ts"],
          exclude: counting,
          // Leases end, databases start: most of their time they wait, too.
          maxWorkers: 2,
          // In one group with `real`: no worker waits for the last file of the other.
          sequence: { groupOrder: 2 },
          testTimeout: 300_000,
          hookTimeout: 300_000
        }
      },
      {
        test: {
          name: "alone",
          ...SERVERS,
          include: [...counting, ...slow],
          fileParallelism: false,
          sequence: { groupOrder: 7 },
          testTimeout: 300_000,
          hookTimeout: 300_000
        }
      },
      {
        test: {
          name: "other-unit",
          include: ["test/layers/Grpc/*.test.ts", "test/layers/Sockets/Gate.test.ts", "test/edge/grpc/**/*.test.ts"],
          env: OTHER,
          isolate: false,
          maxWorkers: "100%",
          sequence: { groupOrder: 1 },
          testTimeout: 120_000,
          hookTimeout: 120_000
        }
      },
      {
        test: {
          name: "other-real",
          ...SERVERS,
          include: ["test/end-to-end/{Grpc,Tls}.test.ts", "test/faults/{05,07,08,10,11,12,30}-*.test.ts"],
          env: { ...SERVERS.env, ...OTHER },
          maxWorkers: 2,
          sequence: { groupOrder: 2 },
          testTimeout: 300_000,
          hookTimeout: 300_000
        }
      },
      {
        test: {
          name: "interop",
          ...SERVERS,
          include: ["test/interop/**/*.test.ts"],
          fileParallelism: false,
          sequence: { groupOrder: 5 },
          // Only when to give up: clients of other languages are built first, where they are not yet.
          testTimeout: 300_000,
          hookTimeout: 600_000
        }
      },
      {
        test: {
          name: "containers",
          include: ["test/containers/**/*.test.ts"],
          fileParallelism: false,
          sequence: { groupOrder: 6 },
          // Only when to give up: other steps of .ci/run are at work beside it.
          testTimeout: 300_000,
          hookTimeout: 300_000
        }
      }
    ]
  }
})
