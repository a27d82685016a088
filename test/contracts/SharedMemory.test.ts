/** The memory twins keep the contracts of the shared cache and of the lane. */
import { describe, it } from "@effect/vitest"
import { Layer } from "effect"
import * as OpenTickets from "../../layers/Memory/access/OpenTickets.ts"
import { Hub } from "../../layers/Memory/Hub.ts"
import * as Noticeboard from "../../layers/Memory/noticeboard/Noticeboard.ts"
import { noticeboardContract } from "./Noticeboards.ts"
import { openTicketsContract } from "./OpenTickets.ts"
import { hintLaneContract, sharedCacheContract } from "./SharedCache.ts"

describe("shared memory", () => {
  const hub = new Hub()
  const node = () => Layer.mergeAll(hub.layerSharedCache, hub.layerLane)
  sharedCacheContract((name, body) => it.live(name, body), node)
  hintLaneContract((name, body) => it.live(name, body), node)
  openTicketsContract(
    (name, body) => it.live(name, body),
    () => OpenTickets.layer
  )

  const board: Noticeboard.Board = new Map()
  const standing = async (name: string) => {
    const { text, until } = board.get(name) ?? { text: null, until: 0 }
    return until > Date.now() ? { text, left: until - Date.now() } : { text: null, left: 0 }
  }
  noticeboardContract(
    (name, body) => it.live(name, body),
    () => Noticeboard.layer(board),
    standing
  )
})
