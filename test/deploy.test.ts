/** What docker-compose.yml and deploy/ say of Herald is true: files, settings, metrics, and no secret in any of them. */
import { spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "vitest"
import { parse } from "yaml"
import { reasonsOf } from "../src/access/Refusals.ts"
import { settings } from "../src/settings/Catalogue.ts"
import { compose } from "./support/Compose.ts"

const root = fileURLToPath(new URL("..", import.meta.url))
const read = (path: string) => readFileSync(join(root, path), "utf8")
const under = (...folders: ReadonlyArray<string>) =>
  folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .map((name) => join(folder, name))
      .filter((path) => statSync(join(root, path)).isFile())
  )
/** `!override` is Docker's own. */
const yaml = (path: string) => parse(read(path).replaceAll("!override ", ""), { merge: true })

interface Rule {
  readonly alert: string
  readonly labels: { readonly severity: string }
  readonly annotations: { readonly summary: string; readonly runbook_url: string }
}
const services = Object.entries(compose.services)
const nodes = services.filter(([name]) => /^herald-\d$/.test(name))
const deployed = [...under("deploy"), "docker-compose.yml", "otel-collector.yaml", "Dockerfile"]

const known = new Set(settings.map(({ env }) => env))

const metricsOf = (text: string) => [...text.matchAll(/\bherald_[a-z_]+/g)].map(([name]) => name)
const made = new Map(
  under("src", "layers")
    .filter((path) => path.endsWith(".ts"))
    .flatMap((path) =>
      [...read(path).matchAll(/\b(counter|gauge|histogram)\(\s*"(herald_[a-z_]+)"/g)].map(
        ([, kind, name]) => [name!, kind!] as const
      )
    )
)
const series = new Set(
  [...made].flatMap(([name, kind]) =>
    kind === "histogram" ? ["_bucket", "_sum", "_count"].map((suffix) => name + suffix) : [name]
  )
)

describe("deployment", () => {
  it("every YAML and JSON file can be read", () => {
    const files = deployed.filter((path) => /\.(ya?ml|json)$/.test(path))
    assert.isAtLeast(files.length, 9)
    for (const path of files) assert.isObject(path.endsWith(".json") ? JSON.parse(read(path)) : yaml(path), path)
  })

  it("every file that is mounted or copied exists, and every volume is declared", () => {
    const used = new Set<string>()
    for (const [name, { volumes = [] }] of services)
      for (const volume of volumes) {
        const source = volume.split(":")[0]!
        if (source.startsWith(".")) assert.isTrue(existsSync(join(root, source)), `${name}: ${source}`)
        else used.add(source)
      }
    assert.deepStrictEqual([...used].sort(), Object.keys(compose.volumes).sort())
    const kept = read(".dockerignore").split("\n")
    for (const [, from] of read("Dockerfile").matchAll(/^COPY (?!--from)(?:--\S+ )*(.+) \S+$/gm))
      for (const path of from!.split(" ")) {
        assert.isTrue(existsSync(join(root, path)), path)
        assert.isTrue(
          kept.some((line) => line.startsWith("!") && path.startsWith(line.slice(1))),
          `${path} is ignored`
        )
      }
  })

  it("what Herald is given are settings, and what comes from a file is a secret that with-secrets.sh reads", () => {
    assert.strictEqual(nodes.length, 3)
    const readFromFiles = /for name in ([A-Z_ ]+);/.exec(read("deploy/herald/with-secrets.sh"))![1]!.split(" ")
    for (const { env, form } of settings) assert.strictEqual(readFromFiles.includes(env), form.secret, env)
    for (const [node, { environment = {} }] of nodes) {
      assert.strictEqual(environment["HERALD_NODE"], node)
      for (const name of Object.keys(environment)) {
        const secret = name.endsWith("_FILE")
        const setting = name.replace(/_FILE$/, "")
        assert.isTrue(known.has(setting), name)
        assert.strictEqual(secret, readFromFiles.includes(setting), name)
      }
    }
    for (const [, name] of read("Dockerfile").matchAll(/(?:^ENV|\\\n) +([A-Z_]+)=/g))
      assert.isTrue(name === "NODE_ENV" || known.has(name!), name)
  })

  it("every metric of dashboards and alerts is one that Herald makes, and each one made is shown", () => {
    const shown = new Set<string>()
    for (const path of deployed.filter((file) => /dashboards\/.*\.json$|alerts\.yml$/.test(file))) {
      const names = metricsOf(read(path)).filter((name) => !/description/.test(name))
      assert.isNotEmpty(names, path)
      for (const name of names) {
        assert.isTrue(series.has(name) || made.has(name), `${path}: ${name}`)
        shown.add(name.replace(/_(bucket|sum|count)$/, ""))
      }
    }
    assert.deepStrictEqual(
      [...made.keys()].filter((name) => !shown.has(name)),
      []
    )
    for (const name of made.keys()) assert.include(read("docs/observability.md"), `\`${name}\``)
  })

  it("MT1 every metric is declared with its meaning, in one way", () => {
    for (const path of under("src", "layers").filter(
      (file) => file.endsWith(".ts") && !file.endsWith("telemetry/Metrics.ts")
    ))
      assert.notMatch(read(path), /\bMetric\.(counter|gauge|histogram|timer|frequency|summary)\(/, path)
    const page = read("docs/security.md")
    for (const reasons of Object.values(reasonsOf)) for (const reason of reasons) assert.include(page, `\`${reason}\``)
  })

  it("every alert has a severity and leads to a heading that exists", () => {
    const rules = (yaml("deploy/prometheus/alerts.yml") as { groups: ReadonlyArray<{ rules: ReadonlyArray<Rule> }> })
      .groups[0]!.rules
    assert.isAtLeast(rules.length, 10)
    for (const { alert, labels, annotations } of rules) {
      assert.include(["warning", "critical"], labels.severity, alert)
      assert.isNotEmpty(annotations.summary, alert)
      const [page, anchor] = annotations.runbook_url.split("#") as [string, string]
      const anchors = [...read(page).matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
        heading!.toLowerCase().replaceAll(" ", "-")
      )
      assert.include(anchors, anchor, alert)
    }
  })

  it("dashboards use the data sources that are provisioned", () => {
    const { datasources } = yaml("deploy/grafana/provisioning/datasources/datasources.yml")
    const uids = datasources.map(({ uid }: { uid: string }) => uid)
    for (const path of under("deploy/grafana/dashboards"))
      for (const panel of JSON.parse(read(path)).panels) assert.include(uids, panel.datasource.uid, path)
  })

  it("no file holds a password", () => {
    for (const path of deployed) {
      const text = read(path)
      assert.notMatch(text, /:\/\/[^\s/:@$]*:[^\s@$]+@/, path)
      assert.notMatch(
        text,
        /(password|passwd|pepper|secret)\w*["']?(?:[ \t]*=|:)[ \t]*["']?[A-Za-z0-9+][A-Za-z0-9+/]{5,}/i,
        path
      )
    }
    for (const [name, { environment = {} }] of services)
      for (const variable of Object.keys(environment).filter((key) => /PASSWORD|PEPPER|SECRET/.test(key)))
        assert.match(variable, /_FILE$/, `${name}: ${variable}`)
  })

  it("services are pinned, limited, and checked or say why not; start order names only services", () => {
    for (const [name, service] of services) {
      assert.match(service.image ?? "", /:v?\d+\.\d+(\.\d+)?(-[a-z]+)?$/, name)
      assert.isDefined(service.mem_limit, name)
      assert.isDefined(service.restart, name)
      assert.notStrictEqual(service.healthcheck === undefined, service["x-no-health-check"] === undefined, name)
      for (const [other, { condition }] of Object.entries(service.depends_on ?? {})) {
        assert.property(compose.services, other, name)
        if (condition === "service_healthy")
          assert.isDefined(compose.services[other]!.healthcheck, `${name} → ${other}`)
      }
    }
    for (const [, image] of read("Dockerfile").matchAll(/^FROM (\S+)/gm))
      assert.match(image!, /^node:26\.\d+\.\d+-slim$/)
  })

  it("where no registry is reached, each image that is had stands under its name, and the others have one in their place", () => {
    const targets = [...read("test/containers/images/Dockerfile").matchAll(/^FROM \S+ AS (\S+)$/gm)].map(
      ([, name]) => name!
    )
    const had = (image: string) => targets.includes(/([^/:]+):[^:]+$/.exec(image)![1]!)
    const inPlace = yaml("test/containers/stand-ins.yml").services as Record<string, { readonly image: string }>
    const public_ = services.filter(([, { build }]) => build === undefined)
    assert.sameMembers(
      public_.filter(([, { image }]) => !had(image!)).map(([name]) => name),
      Object.keys(inPlace)
    )
    const known = [
      ...public_.map(([, { image }]) => image!),
      ...[...read("Dockerfile").matchAll(/^FROM (\S+)/gm)].map(([, image]) => image!)
    ]
    for (const { image } of Object.values(inPlace)) assert.isTrue(known.includes(image) && had(image), image)
    const published = Object.keys(yaml("test/containers/ports.yml").services)
    assert.sameMembers(
      published,
      services.filter(([, { ports = [] }]) => ports.length > 0).map(([name]) => name)
    )
  })

  it("secrets are made once, and reach Herald's settings", () => {
    const folder = mkdtempSync(join(tmpdir(), "herald-secrets-"))
    try {
      const mine = String(process.getuid?.() ?? 0)
      const env = { ...process.env, POSTGRES_UID: mine, REDIS_UID: mine, GRAFANA_UID: mine, HERALD_UID: mine }
      const generate = () =>
        spawnSync("sh", [join(root, "deploy/secrets/generate.sh"), folder], { env, encoding: "utf8" })
      assert.strictEqual(generate().status, 0)
      const pepper = readFileSync(join(folder, "herald/pepper"), "utf8")
      assert.match(pepper, /^[0-9a-f]{64}$/)
      assert.strictEqual(statSync(join(folder, "herald/pepper")).mode & 0o077, 0)
      assert.strictEqual(generate().status, 0)
      assert.strictEqual(readFileSync(join(folder, "herald/pepper"), "utf8"), pepper)
      const files = Object.fromEntries(
        Object.entries(compose.services["herald-1"]!.environment!)
          .filter(([name]) => name.endsWith("_FILE"))
          .map(([name, path]) => [name, path.replace("/secrets", folder)])
      )
      const printEnv = [process.execPath, "-p", "JSON.stringify(process.env)"]
      const started = spawnSync("sh", [join(root, "deploy/herald/with-secrets.sh"), ...printEnv], {
        env: { PATH: process.env["PATH"], ...files },
        encoding: "utf8"
      })
      assert.strictEqual(started.status, 0, started.stderr)
      const given = JSON.parse(started.stdout) as Record<string, string>
      assert.strictEqual(given["HERALD_PEPPER"], pepper)
      const secrets = settings.filter(({ env: name, form }) => form.secret && `${name}_FILE` in files)
      assert.isAtLeast(secrets.length, 3)
      for (const { env: name, form } of secrets) assert.isDefined(form.read(given[name]!), name)
      assert.isEmpty(Object.keys(given).filter((name) => name.endsWith("_FILE")))
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  it("the key of the certificates' authority is where they alone are made, also where it was with them before", () => {
    const with_ = (name: string) => services.filter(([, its]) => its.volumes?.some((one) => one.startsWith(`${name}:`)))
    assert.deepStrictEqual(
      with_("authority").map(([name]) => name),
      ["certificates"]
    )
    assert.isAbove(with_("tls").length, 3)
    const [tls, authority] = ["tls", "authority"].map((name) => mkdtempSync(join(tmpdir(), `herald-${name}-`))) as [
      string,
      string
    ]
    const generate = (...folders: ReadonlyArray<string>) => {
      const { status, stderr } = spawnSync("sh", [join(root, "deploy/tls/generate.sh"), ...folders], {
        env: { ...process.env, HERALD_UID: String(process.getuid?.() ?? 0) },
        encoding: "utf8"
      })
      assert.strictEqual(status, 0, stderr)
    }
    try {
      generate(tls)
      const before = ["ca.pem", "server.pem"].map((name) => readFileSync(join(tls, name), "utf8"))
      const key = readFileSync(join(tls, "ca.key"), "utf8")
      generate(tls, authority)
      assert.sameMembers(readdirSync(tls), ["ca.pem", "server.key", "server.pem"])
      assert.strictEqual(readFileSync(join(authority, "ca.key"), "utf8"), key)
      assert.strictEqual(statSync(join(authority, "ca.key")).mode & 0o077, 0)
      const pairNow = () => ["ca.pem", "server.pem"].map((name) => readFileSync(join(tls, name), "utf8"))
      assert.deepStrictEqual(pairNow(), before)
      // What ended, or is gone, is made anew by the same authority.
      rmSync(join(tls, "server.pem"))
      generate(tls, authority)
      assert.strictEqual(pairNow()[0], before[0])
      assert.notStrictEqual(pairNow()[1], before[1])
      const checked = spawnSync("openssl", ["verify", "-CAfile", join(tls, "ca.pem"), join(tls, "server.pem")])
      assert.strictEqual(checked.status, 0, String(checked.stderr))
    } finally {
      for (const folder of [tls, authority]) rmSync(folder, { recursive: true, force: true })
    }
  })

  it("the collector's pipelines name what is there, and all of it", () => {
    const { service, ...parts } = yaml("otel-collector.yaml")
    for (const kind of ["receivers", "processors", "exporters"]) {
      const named = Object.values(service.pipelines as Record<string, Record<string, Array<string>>>).flatMap(
        (pipeline) => pipeline[kind]!
      )
      assert.sameMembers([...new Set(named)], Object.keys(parts[kind]), kind)
    }
  })
})
