-- How claimed events ended. One call settles a whole batch; all keys belong to one application (one slot).
--
-- KEYS[i]: one key an event. ARGV: lease ms, ms an unfinished claim is kept, ms to remember, ms to remember a
--       recurring event; then one text of 48 characters an event: what(1: 'c'ommit, 'r'elease, 'n' renew)
--       token(16) format(1) digest(16) first(13) kind(1: '-', 'r' recurring)
-- Returns one text, a character an event: 'y' done, 'x' somebody else's.
--
-- The value's shape is told in claim.lua. A foreign token stops us; a missing key (flushed, expired) is written.
-- What another release added to a value stays in it.
local lease, keep, told = tonumber(ARGV[1]), ARGV[2], ARGV[5]
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local sub = string.sub
local out = {}

for i = 1, #KEYS do
  local at = 48 * (i - 1)
  local what, token, mark = sub(told, at + 1, at + 1), sub(told, at + 2, at + 17), sub(told, at + 18, at + 34)
  local first, kind = sub(told, at + 35, at + 47), sub(told, at + 48, at + 48)
  local value = redis.call('GET', KEYS[i])
  local mine = value and string.find(value, '^[1-9]c') and sub(value, 29, 44) == token
  out[i] = 'y'
  if value and not mine then
    out[i] = 'x'
  elseif what == 'c' then
    local known = value and sub(value, 1, 1) .. 'd' .. sub(value, 3, 15) .. sub(value, 45)
      or '1d' .. first .. mark
    redis.call('SET', KEYS[i], known, 'PX', kind == 'r' and ARGV[4] or ARGV[3])
  elseif what == 'r' then
    redis.call('DEL', KEYS[i])
  elseif value then
    redis.call('SETRANGE', KEYS[i], 15, string.format('%013.0f', now + lease))
    redis.call('PEXPIRE', KEYS[i], keep)
  end
end
return table.concat(out)
