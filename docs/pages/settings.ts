/** docs/settings.md, from the list of settings. */
import { catalogue } from "./settingsGroups.ts"

const rows = catalogue.map(({ path, env, form, fallback }) => {
  const shown = path === "node" ? "the host's name" : fallback === undefined ? "" : `\`${form.show(fallback)}\``
  return `| \`${env}\` | \`${path}\` | ${form.expected} | ${shown} |`
})

export const settings = `# Settings

Made by \`npm run docs\` from \`src/settings\`. Each setting comes from the environment, else from the YAML file that \`--config\` or
\`HERALD_CONFIG\` names, else it has its default. An unknown name in the file or a wrong value stops the start, and says which line, why, and what would be
right; a name in the environment that is nearly one of these gets a warning. \`herald settings\` shows what a server would go by and where it comes
from; editors check the file with \`schema/settings.schema.json\`.

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
- \`database.*\`: [docs/postgresql.md](postgresql.md) has topology, sizes and what happens when a server fails.
- \`kafka.*\`: [docs/events.md](events.md); \`webhook.*\`: [docs/webhooks.md](webhooks.md), which need Kafka and a secret.
- \`HERALD_PEPPER\`: must be the same on every node of one database; absent, it is made in the data folder.
- \`limits.*\` and \`http.maxConnections\`: [docs/security.md](security.md) has every bound, what happens at it and its metric.
- \`LIMIT_STREAMS_PER_IDENTITY\`: absent, four fifths of \`GRPC_MAX_STREAMS\`; \`LIMIT_STREAMS_PER_ENVIRONMENT\`: absent, nine tenths. Where one key or one
  environment is all there is, set them to \`GRPC_MAX_STREAMS\`. \`LIMIT_CONNECTIONS_PER_ADDRESS\`: absent, half of what each door takes.
- \`LIMIT_EXEMPT_ADDRESSES\`: put a reverse proxy's addresses there, which all clients behind it share.
- \`FLAGS_ANONYMOUS\`: absent, \`production\` by programs of this machine where the server serves nobody else ([decision](decisions/0022-anonymous.md)); \`none\`: nobody.
- \`CLIENT_OWNERSHIP\`: \`principal\`, an instance belongs to the principal that connected it ([docs/security.md](security.md)); \`shared\`, every
  key of the environment may take it. The same on every node.
- Retention covers the log of revisions and deliveries. The newest \`retention.atLeast\` revisions always stay; versions and audit stay for
  ever. A client that comes back from before the horizon gets a snapshot.
- After a backup was restored, give the history a new epoch before the servers start, so that clients compare everything again:
  \`update herald_epoch set epoch = gen_random_uuid()::text\`.
`
