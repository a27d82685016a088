/**
 * Fetches trades of an exchange and its own bars of the same hours from crates.io, once for this user: test data of nautilus-kraken
 * (LGPL-3.0-or-later), which is read where it lies and never copied into this tree.
 */
import { execFileSync } from "node:child_process"
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { homedir } from "node:os"
import { join } from "node:path"
import { installed } from "./installed.ts"

const VERSION = "0.57.0"
const MANIFEST = `[package]
name = "fetch"
version = "0.0.0"
edition = "2021"

[lib]
path = "lib.rs"

[dependencies]
nautilus-kraken = { version = "=${VERSION}", default-features = false }
`

/** [price, size, seconds since 1970, side, kind, what else, id] */
type KrakenTrade = readonly [string, string, number, string, string, string, number]
/** [seconds since 1970, open, high, low, close, average, volume, trades] */
type KrakenBar = readonly [number, string, string, string, string, string, string, number]

const fetched = (): string => {
  const home = join(homedir(), ".cache", "herald", `kraken-${VERSION}`)
  if (existsSync(home)) return home
  installed("cargo", ["cargo"])
  const fresh = `${home}.${process.pid}`
  const registry = join(fresh, "cargo")
  mkdirSync(registry, { recursive: true })
  writeFileSync(join(fresh, "Cargo.toml"), MANIFEST)
  writeFileSync(join(fresh, "lib.rs"), "")
  execFileSync("cargo", ["fetch", "-q"], { cwd: fresh, env: { ...process.env, CARGO_HOME: registry }, stdio: "pipe" })
  const [index] = readdirSync(join(registry, "registry", "src"))
  renameSync(join(registry, "registry", "src", index!, `nautilus-kraken-${VERSION}`), join(fresh, "crate"))
  rmSync(registry, { recursive: true })
  if (existsSync(home)) rmSync(fresh, { recursive: true })
  else renameSync(fresh, home)
  return home
}

const read = <A>(file: string): ReadonlyArray<A> => {
  const said = JSON.parse(readFileSync(join(fetched(), "crate", "test_data", file), "utf8")) as {
    readonly result: Readonly<Record<string, ReadonlyArray<A>>>
  }
  return said.result["XBTUSDT"]!
}

/** 1,000 consecutive trades in XBTUSDT. */
export const krakenTrades = (): ReadonlyArray<KrakenTrade> => read("http_trades.json")
/** Bars of a minute each, over hours of which those are a part. */
export const krakenBars = (): ReadonlyArray<KrakenBar> => read("http_ohlc.json")
