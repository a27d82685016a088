/** Lua scripts that Redis runs in one step for the shared cache. */
import { createHash } from "node:crypto"
import type { Cluster, Redis } from "ioredis"

/** `held(key)`: what is there, its epoch and its revision. Decimal text is compared, because Lua's numbers end at 2^53. */
const HELD = `
local function held(key)
  local found = redis.pcall('GETRANGE', key, 0, 255)
  local epoch, revision
  if type(found) == 'string' then epoch, revision = string.match(found, '^{"epoch":"([^"]*)","revision":"(%d+)"') end
  return found, epoch, revision
end
local function atLeast(revision, least)
  return #revision > #least or (#revision == #least and revision >= least)
end
`

interface Script {
  readonly lua: string
  readonly sha: string
}
const script = (lua: string): Script => ({ lua, sha: createHash("sha1").update(lua).digest("hex") })

/**
 * RC4. KEYS: value, and version where both are in one slot. ARGV: entry, epoch, revision, version, milliseconds.
 * 0: a newer one was there. 1: set. 2: set over what can't be compared. The same revision is set again: that repairs a broken entry.
 */
export const SET = script(`${HELD}
local found, epoch, revision = held(KEYS[1])
local same = epoch == ARGV[2]
if same and atLeast(revision, ARGV[3]) and revision ~= ARGV[3] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[5])
if KEYS[2] then redis.call('SET', KEYS[2], ARGV[4], 'PX', ARGV[5]) end
if same or found == '' then return 1 end
return 2
`)

/** Redis Cluster, where the version is in another slot. KEYS: version. ARGV: version, milliseconds, 1 to set it in any case. */
export const SET_VERSION = script(`
local held = redis.pcall('GET', KEYS[1])
if ARGV[3] ~= '1' and type(held) == 'string' and (tonumber(held) or 0) > tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
`)

/** RC6. KEYS as SET, of one entry after the other. ARGV: epoch and revision of each. Returns how many were older than that, and removed. */
export const REMOVE_OLDER = script(`${HELD}
local each, removed = #KEYS / (#ARGV / 2), 0
for i = 1, #ARGV, 2 do
  local first = (i - 1) / 2 * each + 1
  local found, epoch, revision = held(KEYS[first])
  if not (epoch == ARGV[i] and atLeast(revision, ARGV[i + 1])) then
    redis.call('DEL', unpack(KEYS, first, first + each - 1))
    removed = removed + 1
  end
end
return removed
`)

/**
 * RC8. KEYS as SET, of one entry after the other. ARGV: keys of each, bytes. Returns text and version of each: false where there is none,
 * 1 for a text of another type, 2 for one that the bytes have no room for.
 */
export const LOOK = script(`
local each, room, out = tonumber(ARGV[1]), tonumber(ARGV[2]), {}
for i = 1, #KEYS, each do
  local found = redis.pcall('GETRANGE', KEYS[i], 0, room)
  if type(found) ~= 'string' then out[#out + 1] = 1
  elseif found == '' then out[#out + 1] = false
  elseif #found > room then out[#out + 1] = 2
  else
    room = room - #found
    out[#out + 1] = found
  end
  local version = each == 2 and redis.pcall('GET', KEYS[i + 1])
  out[#out + 1] = type(version) == 'string' and version or false
end
return out
`)

export const evaluate = async <A = number>(
  redis: Redis | Cluster,
  { lua, sha }: Script,
  keys: Array<string>,
  args: Array<string | number>
) => {
  try {
    return (await redis.evalsha(sha, keys.length, ...keys, ...args)) as A
  } catch (cause) {
    if (!(cause as Error).message.startsWith("NOSCRIPT")) throw cause
    return (await redis.eval(lua, keys.length, ...keys, ...args)) as A
  }
}
