-- Who may publish these events, and how did earlier ones end? One call answers a whole batch; all keys belong to
-- one application (one slot).
--
-- KEYS: a key for each ending; a key for each question; then, for the questions marked 'g', their group's key, in
--       the same order.
-- ARGV: endings, questions, lease ms, ms an unfinished claim is kept, ms in which another format's copy is the same
--       delivery, ms to remember, ms to remember a recurring event; then two texts:
--       48 characters an ending: what(1: 'c'ommit, 'r'elease, 'n' renew) token(16) format(1) digest(16)
--       first(13, unix ms) kind(1: '-', 'r' recurring)
--       47 characters a question: token(16) format(1) digest(16) received(13, unix ms)
--       kind(1: '-', 'a' audit, 'g' grouped)
-- Returns one text: a character an ending, 'y' done or 'x' somebody else's; then 14 characters a question:
--       f(resh) h(eld) s(een) r(evised), and the first delivery's time.
--
-- Value: version(1), then 'd' (done) first(13) digests, or 'c' (claimed) first(13) lease-until(13) token(16)
-- digests; a digest is format(1) and 16 hex digits, one for each format. We write version '1'. Versions '1' to
-- '9' only ever add behind a ';' at the end, and whoever changes a value keeps its version and what was added:
-- either of two releases reads and settles the other's. Any other value is as good as none.
local ends, asks = tonumber(ARGV[1]), tonumber(ARGV[2])
local lease, keep, window, remember, remember_recurring = tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5]), ARGV[6], ARGV[7]
local told, asked = ARGV[8], ARGV[9]
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local lease_ends = string.format('%013.0f', now + lease)
local sub = string.sub
local heard, found = {}, {}

-- A foreign token stops an ending; a missing key (flushed, expired) is written.
for i = 1, ends do
  local at = 48 * (i - 1)
  local what, token, mark = sub(told, at + 1, at + 1), sub(told, at + 2, at + 17), sub(told, at + 18, at + 34)
  local first, kind = sub(told, at + 35, at + 47), sub(told, at + 48, at + 48)
  local value = redis.call('GET', KEYS[i])
  local mine = value and string.find(value, '^[1-9]c') and sub(value, 29, 44) == token
  heard[i] = 'y'
  if value and not mine then
    heard[i] = 'x'
  elseif what == 'c' then
    local known = value and sub(value, 1, 1) .. 'd' .. sub(value, 3, 15) .. sub(value, 45)
      or '1d' .. first .. mark
    redis.call('SET', KEYS[i], known, 'PX', kind == 'r' and remember_recurring or remember)
  elseif what == 'r' then
    redis.call('DEL', KEYS[i])
  elseif value then
    redis.call('SETRANGE', KEYS[i], 15, lease_ends)
    redis.call('PEXPIRE', KEYS[i], keep)
  end
end

local grouped = ends + asks
for i = 1, asks do
  local at = 47 * (i - 1)
  local key = KEYS[ends + i]
  local token, mark = sub(asked, at + 1, at + 16), sub(asked, at + 17, at + 33)
  local received, kind = sub(asked, at + 34, at + 46), sub(asked, at + 47, at + 47)
  local value = redis.call('GET', key)
  local group
  if kind == 'g' then
    grouped = grouped + 1
    group = KEYS[grouped]
    -- Only a repeat of the latest state is a duplicate: after another state this one is news again.
    if value and redis.call('GET', group) ~= key then value = false end
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
      redis.call('SET', key, sub(value, 1, 15) .. known .. mark .. added, 'KEEPTTL')
    else
      answer = kind == 'a' and 's' or 'r'
    end
  end

  if answer == 'f' then
    redis.call('SET', key, version .. 'c' .. first .. lease_ends .. token .. marks, 'PX', keep)
    if group then redis.call('SET', group, key, 'PX', keep) end
  end
  found[i] = answer .. first
end
return table.concat(heard) .. table.concat(found)
