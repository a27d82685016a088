/** docs/settings.md, from the list of settings. */
import { catalogue } from "../../layers/Settings.ts"

const units = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
  ["ms", 1]
] as const

const duration = (millis: number): string => {
  const [name, size] = units.find(([, size]) => millis % size === 0)!
  return `${millis / size}${name}`
}

const rows = Object.entries(catalogue).map(([name, { path, env, kind, fallback }]) => {
  const isDuration = kind.expected.startsWith("a duration")
  const value: unknown = name === "node" ? "the host's name" : fallback
  const shown = value === undefined ? "" : `\`${isDuration ? duration(Number(value)) : String(value)}\``
  return `| \`${env}\` | \`${path}\` | ${kind.expected} | ${shown} |`
})

export const settings = `# Settings

Made by \`npm run docs\` from \`layers/Settings.ts\`. Each setting comes from the environment, else from the YAML file that \`--config\` or
\`HERALD_CONFIG\` names, else it has its default. An unknown name in the file or a wrong value stops the start, and says what would be right.

| environment | in the file | value | default |
|---|---|---|---|
${rows.join("\n")}

\`\`\`yaml
# herald.yaml
http: { port: 9000 }
heartbeat: { interval: 10s, timeout: 30s }
retention: { time: 30d }
\`\`\`

- \`DATABASE_URL\`: absent, the server runs an embedded PostgreSQL in its data folder.
- \`HERALD_PEPPER\`: must be the same on every node of one database; absent, it is made in the data folder.
- Retention covers the log of revisions and deliveries. The newest \`retention.atLeast\` revisions always stay; versions and audit stay for
  ever. A client that comes back from before the horizon gets a snapshot.
- After a backup was restored, give the history a new epoch before the servers start, so that clients compare everything again:
  \`update herald_epoch set epoch = gen_random_uuid()::text\`.
`
