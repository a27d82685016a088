/** The verbs of rollouts: what they ask of the server, and what they print. */
import { assert, describe, it } from "@effect/vitest"
import { FakeHerald } from "../../../support/FakeHerald.ts"
import { terminal } from "../../../support/Terminal.ts"
import { ask } from "../../Ask.ts"
import { back, look, ONE, published, rollout, START, started } from "./Answers.ts"

describe("rollout start", () => {
  const sent = async (args: ReadonlyArray<string>, files: Readonly<Record<string, string>> = {}) => {
    const { exit, request, cli } = await ask(args, START, { body: started() }, { files })
    assert.strictEqual(exit, 0, cli.said)
    return request.body
  }

  it("sends what was given, and leaves the rest to the server", async () => {
    assert.deepStrictEqual(
      await sent([
        ...["rollout", "start", "user-service", "--version", "42", "--stages", "1%,10%,50%,100%", "--bake", "5m"],
        ...["--gate", "unhealthy < 2%", "--gate", "rejected < 1%", "-m", "why"]
      ]),
      {
        environment: "production",
        plan: { stages: "1%,10%,50%,100%", bake: "5m", gates: ["unhealthy < 2%", "rejected < 1%"] },
        changes: [{ key: "user-service", version: 42 }],
        message: "why"
      }
    )
    assert.deepStrictEqual(
      await sent(["rollout", "start", "@flag/shop", '{"enabled":true}', "--plan", "careful", "--at", "+2h"]),
      {
        environment: "production",
        plan: "careful",
        flags: [{ flag: "shop", value: '{"enabled":true}' }],
        at: "+2h"
      }
    )
  })

  it("publish and flag set send the same with --rollout: stages, or a plan's name", async () => {
    const changes = [{ key: "user-service", value: "1" }]
    const its = { environment: "production", changes }
    assert.deepStrictEqual(await sent(["publish", "user-service", "1", "--rollout", "10%,50%,100%", "--bake", "1m"]), {
      ...its,
      plan: { stages: "10%,50%,100%", bake: "1m" }
    })
    assert.deepStrictEqual(await sent(["publish", "user-service", "1", "--rollout", "careful"]), {
      ...its,
      plan: "careful"
    })
    assert.deepStrictEqual(await sent(["publish", "user-service", "1", "--rollout", "5"]), {
      ...its,
      plan: { stages: "5" }
    })
    assert.deepStrictEqual(await sent(["flag", "set", "shop", "{}", "--rollout", "careful"]), {
      environment: "production",
      plan: "careful",
      flags: [{ flag: "shop", value: "{}" }]
    })
  })

  it("apply sends a file, by its name", async () => {
    const file = `name: checkout-2
environment: staging
message: the new checkout
changes:
  - key: user-service
    value: { checkout: 2 }
  - { key: other, version: 4 }
flags:
  - { flag: shop, value: { enabled: true } }
plan:
  stages: [ "1% for 10m", { share: "10%", where: { region: eu } } ]
  gates: [ "unhealthy < 2%" ]
`
    assert.deepStrictEqual(await sent(["rollout", "apply", "r.yaml"], { "r.yaml": file }), {
      environment: "staging",
      message: "the new checkout",
      file: "checkout-2",
      plan: { stages: ["1% for 10m", { share: "10%", where: { region: "eu" } }], gates: ["unhealthy < 2%"] },
      changes: [
        { key: "user-service", type: "json", value: '{"checkout":2}' },
        { key: "other", version: 4 }
      ],
      flags: [{ flag: "shop", value: '{"enabled":true}' }]
    })
    for (const [wrong, said] of [
      ["plan: x\nchanges: []", "no name"],
      ["name: a\nchanges: []", "no plan"],
      ["name: a\nplan: x", "no changes"],
      ["name: a\nplan: x\nchange: []", 'unknown field "change"'],
      ["name: a\nplan: x\nchanges: [{ key: k }]", "needs a value"],
      ["name: a\nplan: x\nchanges: [{ key: k, vale: 1 }]", 'unknown field "vale"']
    ] as const) {
      const cli = terminal({ files: { f: wrong } })
      assert.strictEqual(await cli.run("rollout", "apply", "f"), 2)
      assert.include(cli.said, said)
    }
    const elsewhere = terminal({ files: { f: file } })
    assert.strictEqual(await elsewhere.run("rollout", "apply", "f", "--env", "production"), 2)
    assert.include(elsewhere.said, "the file is for staging, and --env is production")
  })

  it("refuses what can't go together, before anything is sent", async () => {
    for (const args of [
      ["rollout", "start", "k", "--stages", "1%"],
      ["rollout", "start", "k", "v", "--version", "1", "--stages", "1%"],
      ["rollout", "start", "k", "v"],
      ["rollout", "start", "k", "v", "--plan", "p", "--bake", "1m"],
      ["rollout", "start", "@segment/k", "v", "--stages", "1%"],
      ["publish", "k", "v", "--gate", "unhealthy < 2%"],
      ["publish", "k", "v", "--rollout", "careful", "--bake", "1m"],
      ["publish", "k", "v", "--rollout", "1%", "--wait"]
    ]) {
      const cli = terminal()
      assert.strictEqual(await cli.run(...args, "--server", "http://127.0.0.1:1"), 2, args.join(" "))
    }
  })

  it("says what to type next", async () => {
    const { printed } = await ask(["rollout", "start", "k", "v", "--stages", "1%"], START, { body: started() })
    assert.include(printed, "started r17 in production: user-service 41 → 42")
    assert.include(printed, "herald rollout promote r17 --env production")
  })

  it("says at once what it waits for, such as a freeze", async () => {
    const now = started({ untilAt: null })
    for (const [waits, said, next] of [
      ["", "to begin at once", "herald rollout watch r17"],
      [
        "the environment is frozen: holidays",
        "waits: the environment is frozen: holidays",
        "herald rollout promote r17"
      ]
    ] as const) {
      await using herald = await FakeHerald.start()
      const { replayed: _, ...same } = now
      herald.on(START, { body: now }).on(`GET ${ONE}`, { body: look({ ...same, waits }) })
      const cli = terminal({ terminal: true })
      assert.strictEqual(await cli.run("rollout", "start", "k", "v", "--stages", "1%", "--server", herald.url), 0)
      assert.include(cli.printed, said)
      assert.include(cli.printed, next)
    }
  })

  it("a dry run says whom stages reach: connections, or contexts where a variant is raised", async () => {
    const body = {
      ...{ valid: true, changes: [], warnings: [], gates: [] },
      reach: [{ stage: "10%", named: 20, within: 3 }]
    }
    const dry = async (...args: ReadonlyArray<string>) =>
      (await ask(["rollout", "start", ...args, "--stages", "10%", "--dry-run"], START, { body, strange: true })).printed
    assert.include(await dry("k", "v"), "3 of 20 that it names")
    const raised = await dry("@flag/k", "--raise", "on", "--no-gates")
    assert.include(raised, "on, by targeting key: 10% of all contexts")
    assert.notInclude(raised, "3 of 20")
  })

  it("what ended before it began was given to nobody", async () => {
    const { printed } = await ask(["rollout", "abort", "r17"], `POST ${ONE}/abort`, {
      body: started({ state: "aborted", untilAt: null })
    })
    assert.include(printed, "aborted, before its first stage")
    assert.notInclude(printed, "at once")
  })
})

describe("rollout", () => {
  it("status shows it with what to type next, and fits a narrow terminal", async () => {
    const { printed } = await ask(["rollout", "status", "r17"], `GET ${ONE}`, { body: back }, { columns: 60 })
    assert.include(printed, "r17 in production rolled back")
    assert.include(printed, "user-service/web-3 unhealthy: no route to db")
    assert.include(printed, "herald rollout history r17")
  })

  it("pause, resume, promote and abort ask for it", async () => {
    for (const [args, path, body] of [
      [["pause"], "pause", {}],
      [["resume", "-m", "why"], "resume", { message: "why" }],
      [["promote"], "promote", {}],
      [["promote", "--full"], "promote", { everyone: true }],
      [["promote", "--break-glass", "down"], "promote", { breakGlass: "down" }],
      [["abort"], "abort", {}]
    ] as const) {
      const { exit, request } = await ask(["rollout", args[0], "r17", ...args.slice(1)], `POST ${ONE}/${path}`, {
        body: started()
      })
      assert.deepStrictEqual([exit, request.body, request.query], [0, body, { environment: "production" }])
    }
  })

  it("instances says of a rollout that is over that nobody looks at them any more", async () => {
    for (const [body, said] of [
      [back, "r17 is rolled back: its instances are looked at no more"],
      [look(), "no instance of its cohort is unhealthy"]
    ] as const) {
      await using herald = await FakeHerald.start()
      herald.on(`GET ${ONE}/instances`, { body: { instances: [], next: null } }).on(`GET ${ONE}`, { body })
      const cli = terminal({ terminal: true })
      const args = ["rollout", "instances", "r17", "--is", "unhealthy", "--server", herald.url]
      assert.strictEqual(await cli.run(...args), 0)
      assert.include(cli.printed, said)
    }
  })

  it("list and history are tables", async () => {
    const list = await ask(["rollout", "list"], "GET /v1/rollouts", { body: { rollouts: [rollout()], next: null } })
    assert.match(list.printed, /r17 +baking +2\/4 +user-service 41 → 42 +ann/)
    assert.deepStrictEqual(list.request.query["state"], "active")
    const empty = await ask(["rollout", "list"], "GET /v1/rollouts", { body: { rollouts: [], next: null } })
    assert.include(empty.printed, "no rollout is active in production")
    await using herald = await FakeHerald.start()
    herald.on(
      `GET ${ONE}/history`,
      { body: { transitions: [rollout()], next: 3 } },
      { body: { transitions: [], next: null } }
    )
    const cli = terminal({ terminal: true })
    assert.strictEqual(await cli.run("rollout", "history", "r17", "--server", herald.url), 0)
    assert.match(cli.printed, /baking +2 of 4 \(10%\) +herald/)
  })
})

describe("--force and --break-glass", () => {
  it("are sent with what is changed at once", async () => {
    const answer = { ...published(4), key: "user-service" }
    const { request } = await ask(
      ["publish", "user-service", "1", "--force", "--break-glass", "the site is down", "--output", "json"],
      "PUT /v1/config/user-service",
      { body: answer }
    )
    assert.deepStrictEqual(request.query, { environment: "production", force: "true", breakGlass: "the site is down" })
  })
})
