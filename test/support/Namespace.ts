/**
 * Runs a program in a network namespace of its own (network_namespaces(7)), so that a test can break links without touching the machine's.
 * Needs CAP_NET_ADMIN and CAP_SYS_ADMIN, or a kernel that gives every user a namespace where they have both (user_namespaces(7)).
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { installed } from "./installed.ts"

/** unshare(1): as root; otherwise as ourselves, with the capabilities of the new user namespace kept over exec. */
const ways = [["--net"], ["--user", "--map-current-user", "--keep-caps", "--net"]] as const

const fix = `this test needs network namespaces, and may not make one here. One of:
  sudo npm test
  sudo sysctl -w user.max_user_namespaces=10000 kernel.apparmor_restrict_unprivileged_userns=0
  docker run --cap-add NET_ADMIN --cap-add SYS_ADMIN --security-opt seccomp=unconfined …`

/** What stands before a command that is to run in a new namespace; fails with what to type. */
const wayIn = (): ReadonlyArray<string> => {
  installed("ip", ["iproute2"])
  installed("tc", ["iproute2"])
  const probe = "ip link set lo up && tc qdisc replace dev lo root blackhole"
  const way = ways.find((flags) => spawnSync("unshare", [...flags, "sh", "-c", probe]).status === 0)
  if (way === undefined) throw new Error(fix)
  return way
}

/** Runs a TypeScript file of the tests in a new namespace until it ends; returns the JSON of its last line. */
export const inNewNamespace = async <A>(file: URL): Promise<A> => {
  const withLoopback = ["sh", "-c", `ip link set lo up && exec "$@"`, "sh"]
  const command = [...wayIn(), ...withLoopback, process.execPath, fileURLToPath(file)]
  const child = spawn("unshare", command, { stdio: ["ignore", "pipe", "inherit"] })
  let said = ""
  child.stdout.on("data", (chunk) => (said += String(chunk)))
  const code = await new Promise((resolve, reject) => child.once("error", reject).once("close", resolve))
  if (code !== 0) throw new Error(`${fileURLToPath(file)} ended with ${code}: ${said}`)
  return JSON.parse(said.trim().split("\n").at(-1)!) as A
}

// From here on: for programs that already run in a namespace where they may do this.

const run = (command: string) => void execFileSync("sh", ["-c", command], { stdio: ["ignore", "ignore", "inherit"] })

/** A TypeScript file in a namespace within ours, with a channel to it; without `of` in a new one, otherwise in that of the process. */
export const spawnBeyond = (file: URL, args: ReadonlyArray<string>, of?: ChildProcess): ChildProcess => {
  const way = of === undefined ? ["unshare", "--net"] : ["nsenter", `--target=${of.pid}`, "--net"]
  const [program, ...rest] = [...way, process.execPath, fileURLToPath(file), ...args]
  return spawn(program!, rest, { stdio: ["ignore", "inherit", "inherit", "ipc"] })
}

/** A cable between our namespace and that of a process. */
export class Link {
  static readonly here = "10.66.0.1"
  readonly #beyond: string

  constructor(beyond: ChildProcess) {
    this.#beyond = `nsenter --target=${beyond.pid} --net`
    run(`ip link add here type veth peer name there netns ${beyond.pid}`)
    run(`ip addr add ${Link.here}/24 dev here && ip link set here up`)
    for (const command of ["ip link set lo up", "ip addr add 10.66.0.2/24 dev there", "ip link set there up"])
      run(`${this.#beyond} ${command}`)
  }

  /** From now on every packet vanishes on its way, in both directions; nobody is told: tc's blackhole. */
  silence(): void {
    run(`tc qdisc replace dev here root blackhole && ${this.#beyond} tc qdisc replace dev there root blackhole`)
  }

  heal(): void {
    run(`tc qdisc del dev here root && ${this.#beyond} tc qdisc del dev there root`)
  }
}
