-- How claimed events ended. One call settles a whole batch; all keys belong to one application (one slot).
--
-- KEYS[i]: one key an event. ARGV: lease ms, ms an unfinished claim is kept; then per event:
--       what(1: 'c'ommit, 'r'elease, 'n' renew) token(16) format(1) digest(16) first(13) milliseconds to remember
-- Returns one text, a character an event: 'y' done, 'x' somebody else's.
--
-- The value's shape is told in claim.lua. A foreign token stops us; a missing key (flushed, expired) is written.
local lease, keep = tonumber(ARGV[1]), ARGV[2]
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local sub = string.sub
local out = {}

for i = 1, #KEYS do
  local arg = ARGV[2 + i]
  local what, token, mark, first = sub(arg, 1, 1), sub(arg, 2, 17), sub(arg, 18, 34), sub(arg, 35, 47)
  local remember = sub(arg, 48)
  local value = redis.call('GET', KEYS[i])
  local mine = value and sub(value, 1, 2) == '1c' and sub(value, 29, 44) == token
  out[i] = 'y'
  if value and not mine then
    out[i] = 'x'
  elseif what == 'c' then
    local known = value and sub(value, 3, 15) .. sub(value, 45) or first .. mark
    redis.call('SET', KEYS[i], '1d' .. known, 'PX', remember)
  elseif what == 'r' then
    redis.call('DEL', KEYS[i])
  elseif value then
    redis.call('SETRANGE', KEYS[i], 15, string.format('%013.0f', now + lease))
    redis.call('PEXPIRE', KEYS[i], keep)
  end
end
return table.concat(out)
