-- Who may publish these events, and how did earlier ones end? One call answers a whole batch; all keys belong to
-- one application (one slot).
--
-- KEYS: a key for each settlement; a key for each claim; then, for the claims marked 'g', their group's key, in
--       the same order.
-- ARGV: settlements, claims, lease ms, ms an unfinished claim is kept, ms in which another format's copy is the same
--       delivery, ms to remember, ms to remember a recurring event; then two texts, 47 characters for each settlement
--       and each claim: first(13, unix ms) token(16) format(1) digest(16) and
--       of a settlement how(1: 'c'ommit, 'C' commit what recurs, 'r'elease, 'n' renew),
--       of a claim kind(1: '-', 'a' audit, 'g' grouped); its first is when it was received.
-- Returns one text: a character a settlement, 'y' done or 'x' somebody else's; a character a claim: f(resh), t(aken
--       over from an owner that is gone, fresh otherwise), h(eld), s(een); then for each claim that is neither 'f'
--       nor 'F' the first delivery's time(13).
--       Known with other content, the claim is asked for the revised content's own key as well, which is the key,
--       '#' and the digest: F, T, H or S are that one's answer ('r' where that, too, is known with other content).
--       It is not among KEYS, which would cost every claim one; by its braces it is in the same slot.
--
-- Value: version(1), then 'd' (done) first(13) digests, or 'c' (claimed) first(13) lease-until(13) token(16)
-- digests; a digest is format(1) and 16 hex digits, one for each format. We write version '1'. Versions '1' to
-- '9' only ever add behind a ';' at the end, and whoever changes a value keeps its version and what was added:
-- either of two releases reads and settles the other's. Any other value is as good as none.
local settlement_count, claim_count = tonumber(ARGV[1]), tonumber(ARGV[2])
local lease_ms, claim_ttl, window_ms = ARGV[3], ARGV[4], ARGV[5]
local remember_ms, remember_recurring_ms = ARGV[6], ARGV[7]
local settlements, claims = ARGV[8], ARGV[9]
local call, sub = redis.call, string.sub
local results, times = {}, ''
local now, lease_ends

-- Only what begins a lease reads the time: that costs as much as a settlement.
local function read_clock()
  local clock = call('TIME')
  now = clock[1] * 1000 + math.floor(clock[2] / 1000)
  lease_ends = string.format('%013.0f', now + lease_ms)
end

-- A foreign token stops a settlement; a missing key (flushed, expired) is written.
for i = 1, settlement_count do
  local offset, key = 47 * (i - 1), KEYS[i]
  local how = sub(settlements, offset + 47, offset + 47)
  local value = call('GET', key)
  results[i] = 'y'
  local token = sub(settlements, offset + 14, offset + 29)
  if value and not (string.find(value, '^[1-9]c') and sub(value, 29, 44) == token) then
    results[i] = 'x'
  elseif how == 'c' or how == 'C' then
    local known
    if value then
      known = sub(value, 1, 1) .. 'd' .. sub(value, 3, 15) .. sub(value, 45)
    else
      local first, fingerprint = sub(settlements, offset + 1, offset + 13), sub(settlements, offset + 30, offset + 46)
      known = '1d' .. first .. fingerprint
    end
    call('SET', key, known, 'PX', how == 'C' and remember_recurring_ms or remember_ms)
  elseif how == 'r' then
    call('DEL', key)
  elseif value then
    if not now then read_clock() end
    call('SETRANGE', key, 15, lease_ends)
    call('PEXPIRE', key, claim_ttl)
  end
end

if claim_count > 0 and not now then read_clock() end

-- The status of a claim for a key that has a value; unless it is 'f', also the first delivery's time; with 't' also
-- the value with which it is taken over.
local function status_of_existing(key, value, claim_text)
  local received, fingerprint, kind = sub(claim_text, 1, 13), sub(claim_text, 30, 46), sub(claim_text, 47)
  local first = sub(value, 3, 15)
  if not (string.find(value, '^[1-9][cd]') and tonumber(first) and #value > 31) then return 'f' end
  local claimed = sub(value, 2, 2) == 'c'
  local token = sub(claim_text, 14, 29)
  local is_leased = claimed and (tonumber(sub(value, 16, 28)) or 0) > now and sub(value, 29, 44) ~= token
  local fingerprints, added = string.match(value, '^([^;]*)(.*)$', claimed and 45 or 16)
  local offset = string.find(fingerprints, sub(fingerprint, 1, 1), 1, true)
  local is_revision = offset and sub(fingerprints, offset, offset + 16) ~= fingerprint
  if is_revision and kind ~= 'a' then return 'r', first end
  if is_leased then return 'h', first end
  if claimed then
    -- An audit's content stands in for one that its owner left undone.
    fingerprints = offset and sub(fingerprints, 1, offset - 1) .. fingerprint .. sub(fingerprints, offset + 17)
      or fingerprints .. fingerprint
    fingerprints = fingerprints .. added
    return 't', first, sub(value, 1, 1) .. 'c' .. first .. lease_ends .. token .. fingerprints
  end
  if offset then return 's', first end
  if received - first > tonumber(window_ms) then return kind == 'a' and 's' or 'r', first end
  call('SET', key, sub(value, 1, 15) .. fingerprints .. fingerprint .. added, 'KEEPTTL')
  return 's', first
end

-- The status of the claim at ``offset`` for a key; the claim is taken if it can be had.
local function claim(key, state_group, offset)
  local status, first = 'f', nil
  local received, token_and_fingerprint = sub(claims, offset + 1, offset + 13), sub(claims, offset + 14, offset + 46)
  local claimed_value = '1c' .. received .. lease_ends .. token_and_fingerprint
  -- Nearly every occurrence is new, and then this is all.
  if not call('SET', key, claimed_value, 'NX', 'PX', claim_ttl) then
    -- Of a group only a repeat of the latest state is a duplicate: after another state this one is news again.
    if not state_group or call('GET', state_group) == key then
      local taken_over_value
      local claim_text = sub(claims, offset + 1, offset + 47)
      status, first, taken_over_value = status_of_existing(key, call('GET', key), claim_text)
      claimed_value = taken_over_value or claimed_value
    end
    if status == 'f' or status == 't' then call('SET', key, claimed_value, 'PX', claim_ttl) end
  end
  if state_group and (status == 'f' or status == 't') then call('SET', state_group, key, 'PX', claim_ttl) end
  return status, first
end

local state_group_index = settlement_count + claim_count
for i = 1, claim_count do
  local offset, key = 47 * (i - 1), KEYS[settlement_count + i]
  local state_group
  if sub(claims, offset + 47, offset + 47) == 'g' then
    state_group_index = state_group_index + 1
    state_group = KEYS[state_group_index]
  end
  local status, first = claim(key, state_group, offset)
  if status == 'r' then
    status, first = claim(key .. '#' .. sub(claims, offset + 31, offset + 46), state_group, offset)
    if status ~= 'r' then status = string.upper(status) end
  end
  results[settlement_count + i] = status
  if first then times = times .. first end
end
return table.concat(results) .. times
