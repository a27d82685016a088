/** How far subscriptions are, over a `State`: the rules of migration 0037. */
import { Clock, Effect, Layer } from "effect"
import { Unkeepable } from "../../../src/errors/Unkeepable.ts"
import {
  type Attending,
  type Claimed,
  CursorStore,
  type Flush,
  type Standing,
  TOLD
} from "../../../src/subscriptions/CursorStore.ts"
import { State } from "../State.ts"
import { letterKey, type ShareRow, SubscriptionTables } from "./SubscriptionTables.ts"

/** Columns of a database are whole numbers. SN2 */
const isKeepable = ({ version, saved: { logEpoch, floor, mark }, letters }: Flush): boolean =>
  [version, logEpoch, floor, mark, ...letters.flatMap(({ offset, attempts }) => [offset, attempts])].every(
    Number.isSafeInteger
  )

export const layer = Layer.effect(
  CursorStore,
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const state = yield* State.service
    const tables = state.tables(SubscriptionTables)
    const now = () => clock.currentTimeMillisUnsafe()

    /** A row stays as it is where nothing of it changes. */
    const attend = (run: string, { id, consumers, lives, isBehind = false }: Attending) => {
      const rows = tables.all.get(id)
      if (rows === undefined) return
      const before = rows.nodes.get(run)
      const since = before !== undefined && before.consumers > 0 ? before.since : now()
      rows.nodes.set(run, { consumers, lives, isBehind, since })
      for (const held of rows.shares.values()) if (held.run === run) held.until = Number.POSITIVE_INFINITY
      if (consumers > 0) rows.subscription = { ...rows.subscription, lastActivity: now() }
    }

    /** Its lease lasts until then. */
    const goOn = (run: string, until: number) => {
      if (tables.runs.has(run) && !tables.isAlive(run, now()))
        for (const { nodes } of tables.all.values()) {
          const its = nodes.get(run)
          if (its !== undefined) its.since = now()
        }
      tables.runs.set(run, until)
    }

    const longer = (run: string, until: number) => Math.max(until, tables.runs.get(run) ?? until)

    /** What of this run is of none of these ends by then. */
    const endOthers = (run: string, named: ReadonlySet<string>, until: number) => {
      for (const [id, rows] of tables.all) {
        if (named.has(id)) continue
        rows.nodes.delete(run)
        for (const held of rows.shares.values()) if (held.run === run) held.until = Math.min(held.until, until)
      }
    }

    /** `room`: shares of which can be told; returns what is left of it. SN7 */
    const standing = (id: string, seen: string | undefined, room: number): readonly [Standing, number] | undefined => {
      const rows = tables.all.get(id)
      if (rows === undefined) return undefined
      const alive = [...rows.nodes].filter(([run]) => tables.isAlive(run, now()))
      alive.sort(([a, one], [b, two]) => one.since - two.since || (a < b ? -1 : 1))
      const nodes = alive.filter(([, { consumers }]) => consumers > 0)
      const ended = [...rows.shares.values()].filter(({ until }) => until <= now()).length
      const stamp = [rows.hands, ended, ...alive.map(([run]) => run).sort()].join("/")
      const shares = [...rows.shares].sort(([a], [b]) => a - b)
      const holder = ({ run, until }: ShareRow) => (until > now() && tables.isAlive(run, now()) ? run : "")
      const isTold = stamp !== seen && room > 0
      const isCut = stamp !== seen && room <= 0
      return [
        {
          ...{ subscription: rows.subscription, now: now(), stamp: isCut ? (seen ?? "") : stamp },
          ...(isCut && { isCut }),
          nodes: nodes.map(([run, { consumers, lives, isBehind }]) => ({
            ...{ run, consumers, lives },
            ...(isBehind && { isBehind })
          })),
          ...(isTold && {
            shares: shares.map(([share, held]) => ({ share, run: holder(held), token: held.token }))
          })
        },
        isTold ? room - shares.length : room
      ]
    }

    const claim = (run: string, id: string, share: number, until: number): ReadonlyArray<Claimed> => {
      const rows = tables.all.get(id)
      const held = rows?.shares.get(share)
      if (rows === undefined || held === undefined) return []
      if (held.run !== run && held.until > now() && tables.isAlive(held.run, now())) return []
      const next = held.token + 1n
      const token = next > BigInt(Math.floor(now())) ? next : BigInt(Math.floor(now()))
      Object.assign(held, { run, token, until: rows.nodes.has(run) ? Number.POSITIVE_INFINITY : until })
      rows.hands++
      const cursors = [...rows.cursors.values()].filter((row) => row.share === share)
      cursors.sort((a, b) => a.slice.partition - b.slice.partition || a.slice.from - b.slice.from)
      for (const row of cursors) Object.assign(row, { token, version: 0 })
      const { epoch } = rows.subscription
      return [{ id, epoch, share, token, cursors: cursors.map(({ slice, saved }) => ({ slice, saved })) }]
    }

    return CursorStore.of({
      attend: (run, attending, lasts) =>
        Effect.sync(() => {
          goOn(run, now() + lasts)
          const seen = new Map(attending.map(({ id, stamp }) => [id, stamp]))
          endOthers(run, new Set(seen.keys()), now() + lasts)
          for (const one of attending) attend(run, one)
          let room = TOLD
          const standings = [...seen].flatMap(([id, stamp]) => {
            const [found, left] = standing(id, stamp, room) ?? [undefined, room]
            room = left
            return found === undefined ? [] : [found]
          })
          return standings.sort((a, b) => Number(a.subscription.id) - Number(b.subscription.id))
        }),
      enter: (run, one, lasts) =>
        Effect.sync(() => {
          goOn(run, longer(run, now() + lasts))
          attend(run, one)
          return standing(one.id, one.stamp, TOLD)?.[0]
        }),
      claim: (run, shares, lasts) =>
        Effect.sync(() => {
          if (!tables.isAlive(run, now())) return []
          const until = Math.min(tables.runs.get(run)!, now() + lasts)
          return shares.flatMap(({ id, share }) => claim(run, id, share, until))
        }),
      flush: (cursors) =>
        Effect.suspend(() => {
          if (!cursors.every(isKeepable))
            return Effect.fail(new Unkeepable({ message: "could not write how far subscriptions are" }))
          const more = new Map<string, number>()
          for (const { id, slice, letters } of cursors) {
            const there = tables.all.get(id)?.letters
            const fresh = letters.filter((letter) => there?.has(letterKey(slice, letter)) !== true)
            more.set(id, (more.get(id) ?? 0) + fresh.length)
          }
          const full = [...more].filter(
            ([id, count]) => tables.all.has(id) && tables.isFull(tables.all.get(id)!, count)
          )
          const isFull = new Set(full.map(([id]) => id))
          const lost = cursors.flatMap((one, place) => (isFull.has(one.id) || tables.flush(one, now()) ? [] : [place]))
          return Effect.succeed({ lost, full: [...isFull], locked: [] })
        }),
      give: (run, shares) =>
        Effect.sync(() => {
          for (const { id, share, token } of shares) {
            const rows = tables.all.get(id)
            const held = rows?.shares.get(share)
            if (rows === undefined || held?.run !== run || held.token !== token) continue
            Object.assign(held, { run: "", token: token + 1n, until: Number.POSITIVE_INFINITY })
            rows.hands++
          }
        })
    })
  })
)
