import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/**
 * unit: pure models, services on Memory twins, boundaries. real: real processes and a real PostgreSQL. containers: the image and
 * docker-compose.yml, by a Docker engine.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/faults/**", "test/contracts/**", "test/end-to-end/**", "test/containers/**"],
          // Modules are loaded once for all files of a worker: half of the time went there.
          isolate: false,
          // One a processor; Vitest leaves one of them to itself, and most of its time it has nothing to do.
          maxWorkers: "100%",
          // What the installed package exports is compiled; here it is what it is compiled from.
          alias: { "herald/client": here("src/client/HeraldClient.ts"), "herald/testing": here("src/testing.ts") },
          testTimeout: 30_000
        }
      },
      {
        test: {
          name: "real",
          include: ["test/contracts/**/*.test.ts", "test/faults/**/*.test.ts", "test/end-to-end/**/*.test.ts"],
          fileParallelism: false,
          // Only when to give up: a machine that is starved takes several times as long.
          testTimeout: 300_000,
          hookTimeout: 300_000
        }
      },
      {
        test: {
          name: "containers",
          include: ["test/containers/**/*.test.ts"],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000
        }
      }
    ]
  }
})
