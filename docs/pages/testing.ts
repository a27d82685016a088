/** docs/testing-with-layers.md, around the code of a test that runs. */
import { readFileSync } from "node:fs"

const source = readFileSync(new URL("../../test/examples/TestingWithLayers.test.ts", import.meta.url), "utf8")

const region = (name: string): string => {
  const found = new RegExp(`// #region ${name}\\n([\\s\\S]*?)// #endregion`).exec(source)
  if (found === null) throw new Error(`the example has no region ${name}`)
  return `\`\`\`ts\n${found[1]!.trim()}\n\`\`\``
}

export const testing = `# Testing with Herald's Layers

Made by \`npm run docs\` from \`test/examples/TestingWithLayers.test.ts\`, which \`npm test\` runs.

Every part of Herald is an Effect Layer, and \`herald/testing\` gives them to your tests:

| name | what it is |
|---|---|
| \`node(options?)\` | every service of a server, the real ones; options as the server's settings, with the same defaults |
| \`stores\` | the database in memory; it passes the same contract suites as PostgreSQL (\`test/contracts\`) |
| \`Herald.layer\` | a gRPC door on a free port of loopback: \`grpc\` is its address, \`token\` a key that may do everything |
| \`Hub\` | what several nodes share: a lane of hints and a cache, in memory |
| \`asSystem\` | runs an effect as the server itself, which may do everything |

The rest are the ports and services by their names: \`Configurations\`, \`Commits\`, \`ConfigurationStore\`, \`RevisionLog\`, \`Propagation\`, \`Sessions\`, … A
test provides the stores, replaces what it wants to see fail, and leaves the rest as it is in production.

## The whole path in one process
A real gRPC connection and the SDK, with the database in memory: from publish to \`apply\` in milliseconds.

${region("whole")}

## A fake in the place of one part
Take the real Layer, change one method, provide it instead.

${region("fake")}

## Time
Services tell time by Effect's \`Clock\` only, so that \`TestClock\` passes minutes at once.

${region("time")}

## Several nodes
\`Layer.fresh\` builds a node of its own; the database and the hub are what they share.

${region("nodes")}
`
