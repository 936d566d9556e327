-- Who may publish these events? One call answers a whole batch; all keys belong to one application (one slot).
--
-- KEYS[1..n]: one key an event; then, for the events marked 'g', their group's key, in the same order.
-- ARGV: n, lease ms, ms an unfinished claim is kept, ms in which another format's copy is the same delivery;
--       then one text of 47 characters an event: token(16) format(1) digest(16) received(13, unix ms)
--       kind(1: '-', 'a' audit, 'g' grouped)
-- Returns one text, 14 characters an event: f(resh) h(eld) s(een) r(evised), then the first delivery's time.
--
-- Value: version(1), then 'd' (done) first(13) digests, or 'c' (claimed) first(13) lease-until(13) token(16)
-- digests; a digest is format(1) and 16 hex digits, one for each format. We write version '1'. Versions '1' to
-- '9' only ever add behind a ';' at the end, and whoever changes a value keeps its version and what was added:
-- either of two releases reads and settles the other's. Any other value is as good as none.
local n, lease, keep, window = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local asked = ARGV[5]
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local sub = string.sub
local grouped = n
local out = {}

for i = 1, n do
  local at = 47 * (i - 1)
  local token, mark = sub(asked, at + 1, at + 16), sub(asked, at + 17, at + 33)
  local received, kind = sub(asked, at + 34, at + 46), sub(asked, at + 47, at + 47)
  local value = redis.call('GET', KEYS[i])
  local group
  if kind == 'g' then
    grouped = grouped + 1
    group = KEYS[grouped]
    -- Only a repeat of the latest state is a duplicate: after another state this one is news again.
    if value and redis.call('GET', group) ~= KEYS[i] then value = false end
  end

  local answer, first, marks, version = 'f', received, mark, '1'
  if value and string.find(value, '^[1-9][cd]') and tonumber(sub(value, 3, 15)) and #value > 31 then
    first = sub(value, 3, 15)
    local claimed = sub(value, 2, 2) == 'c'
    local open = claimed and (tonumber(sub(value, 16, 28)) or 0) > now and sub(value, 29, 44) ~= token
    local known, added = string.match(value, '^([^;]*)(.*)$', claimed and 45 or 16)
    local at = string.find(known, sub(mark, 1, 1), 1, true)
    if at and sub(known, at, at + 16) ~= mark then
      answer = kind == 'a' and 's' or 'r'
    elseif open then
      answer = 'h'
    elseif claimed then
      version, marks = sub(value, 1, 1), (at and known or known .. mark) .. added
    elseif at then
      answer = 's'
    elseif tonumber(received) - tonumber(first) <= window then
      answer = 's'
      redis.call('SET', KEYS[i], sub(value, 1, 15) .. known .. mark .. added, 'KEEPTTL')
    else
      answer = kind == 'a' and 's' or 'r'
    end
  end

  if answer == 'f' then
    local ends = string.format('%013.0f', now + lease)
    redis.call('SET', KEYS[i], version .. 'c' .. first .. ends .. token .. marks, 'PX', keep)
    if group then redis.call('SET', group, KEYS[i], 'PX', keep) end
  end
  out[i] = answer .. first
end
return table.concat(out)
