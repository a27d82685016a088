/**
 * Holds the OpenAPI document against a running server, with the client that users of OpenAPI test with: `npm run openapi`. It makes a Python
 * environment in a temporary folder, so it needs python3 with venv and a package registry; without them it fails.
 */
import { spawnSync } from "node:child_process"
import { cpSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Server } from "../support/Server.ts"

const here = fileURLToPath(new URL(".", import.meta.url))
const folder = mkdtempSync(join(tmpdir(), "herald-openapi-"))

/** It writes beside what it reads. */
const work = join(folder, "work")
cpSync(here, work, { recursive: true })

const run = (command: string, args: ReadonlyArray<string>): void => {
  const { status, error } = spawnSync(command, args, { stdio: ["ignore", "inherit", "inherit"], cwd: work })
  if (status !== 0) throw new Error(`${command} ${args.slice(0, 3).join(" ")} failed: ${error?.message ?? status}`)
}

/** Examples of an operation; as many again as it takes to come across the bounds of each parameter. */
const EXAMPLES = process.env["EXAMPLES"] ?? "40"

/** `accepted` is of hooks.py. Feeds have no end: test/end-to-end/{Feeds,OpenFeatureWeb,TopicTail}.test.ts look at them. */
const CHECKS = [
  "accepted",
  "not_a_server_error",
  "status_code_conformance",
  "content_type_conformance",
  "response_headers_conformance",
  "response_schema_conformance",
  "unsupported_method",
  "allow_header_conformance"
].join(",")

const server = new Server({ LIMIT_REQUESTS_PER_SECOND: "1000000", LIMIT_BURST: "1000000" })
try {
  const schemathesis = join(folder, "python/bin/schemathesis")
  run("python3", ["-m", "venv", join(folder, "python")])
  run(join(folder, "python/bin/pip"), [
    ...["install", "--quiet", "--disable-pip-version-check"],
    ...["--requirement", "requirements.txt"]
  ])
  await server.start()
  await server.call("PUT", "/v1/config/user-service?environment=production", { value: { feature: { x: true } } })
  run(schemathesis, [
    ...["--config-file", "schemathesis.toml", "run", `${server.http}/openapi.json`],
    ...["--header", `Authorization: Bearer ${server.token}`, "--max-examples", EXAMPLES, "--seed", "7"],
    ...[
      "--checks",
      CHECKS,
      "--exclude-path",
      "/v1/events",
      "--exclude-path",
      "/ofrep/v1/events",
      "--exclude-path",
      "/v1/topics/{topic}/stream",
      "--continue-on-failure",
      "--warnings",
      "off"
    ]
  ])
} finally {
  await server.end("SIGTERM")
  rmSync(folder, { recursive: true, force: true })
}
