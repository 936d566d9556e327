-- Who may publish these events, and how did earlier ones end? One call answers a whole batch; all keys belong to
-- one application (one slot).
--
-- KEYS: a key for each ending; a key for each question; then, for the questions marked 'g', their group's key, in
--       the same order.
-- ARGV: endings, questions, lease ms, ms an unfinished claim is kept, ms in which another format's copy is the same
--       delivery, ms to remember, ms to remember a recurring event; then two texts, 47 characters for each ending and
--       each question: first(13, unix ms) token(16) format(1) digest(16) and
--       of an ending how(1: 'c'ommit, 'C' commit what recurs, 'r'elease, 'n' renew),
--       of a question kind(1: '-', 'a' audit, 'g' grouped); its first is when it was received.
-- Returns one text: a character an ending, 'y' done or 'x' somebody else's; a character a question: f(resh), t(aken
--       over from an owner that is gone, fresh otherwise), h(eld), s(een); then for each question that is neither 'f'
--       nor 'F' the first delivery's time(13).
--       Known with other content, the question is asked for the revised content's own key as well, which is the key,
--       '#' and the digest: F, T, H or S are that one's answer ('r' where that, too, is known with other content).
--       It is not among KEYS, which would cost every question one; by its braces it is in the same slot.
--
-- Value: version(1), then 'd' (done) first(13) digests, or 'c' (claimed) first(13) lease-until(13) token(16)
-- digests; a digest is format(1) and 16 hex digits, one for each format. We write version '1'. Versions '1' to
-- '9' only ever add behind a ';' at the end, and whoever changes a value keeps its version and what was added:
-- either of two releases reads and settles the other's. Any other value is as good as none.
local ends, asks = tonumber(ARGV[1]), tonumber(ARGV[2])
local lease, keep, window, remember, remember_recurring = ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local told, asked = ARGV[8], ARGV[9]
local call, sub = redis.call, string.sub
local answers, times = {}, ''
local now, lease_ends

-- Only who begins a lease asks for the time: that costs as much as an ending.
local function look_at_clock()
  local clock = call('TIME')
  now = clock[1] * 1000 + math.floor(clock[2] / 1000)
  lease_ends = string.format('%013.0f', now + lease)
end

-- A foreign token stops an ending; a missing key (flushed, expired) is written.
for i = 1, ends do
  local at, key = 47 * (i - 1), KEYS[i]
  local how = sub(told, at + 47, at + 47)
  local value = call('GET', key)
  answers[i] = 'y'
  if value and not (string.find(value, '^[1-9]c') and sub(value, 29, 44) == sub(told, at + 14, at + 29)) then
    answers[i] = 'x'
  elseif how == 'c' or how == 'C' then
    local known
    if value then
      known = sub(value, 1, 1) .. 'd' .. sub(value, 3, 15) .. sub(value, 45)
    else
      local first, mark = sub(told, at + 1, at + 13), sub(told, at + 30, at + 46)
      known = '1d' .. first .. mark
    end
    call('SET', key, known, 'PX', how == 'C' and remember_recurring or remember)
  elseif how == 'r' then
    call('DEL', key)
  elseif value then
    if not now then look_at_clock() end
    call('SETRANGE', key, 15, lease_ends)
    call('PEXPIRE', key, keep)
  end
end

if asks > 0 and not now then look_at_clock() end

-- What a value that was there answers to a question; where that is not 'f', the first delivery's time, too; where it
-- is 't', also the value with which it is taken over.
local function known_of(key, value, question)
  local received, mark, kind = sub(question, 1, 13), sub(question, 30, 46), sub(question, 47)
  local first = sub(value, 3, 15)
  if not (string.find(value, '^[1-9][cd]') and tonumber(first) and #value > 31) then return 'f' end
  local claimed = sub(value, 2, 2) == 'c'
  local token = sub(question, 14, 29)
  local open = claimed and (tonumber(sub(value, 16, 28)) or 0) > now and sub(value, 29, 44) ~= token
  local marks, added = string.match(value, '^([^;]*)(.*)$', claimed and 45 or 16)
  local at = string.find(marks, sub(mark, 1, 1), 1, true)
  local differs = at and sub(marks, at, at + 16) ~= mark
  if differs and kind ~= 'a' then return 'r', first end
  if open then return 'h', first end
  if claimed then
    -- An audit's content stands in for one that its owner left undone.
    marks = (at and sub(marks, 1, at - 1) .. mark .. sub(marks, at + 17) or marks .. mark) .. added
    return 't', first, sub(value, 1, 1) .. 'c' .. first .. lease_ends .. token .. marks
  end
  if at then return 's', first end
  if received - first > tonumber(window) then return kind == 'a' and 's' or 'r', first end
  call('SET', key, sub(value, 1, 15) .. marks .. mark .. added, 'KEEPTTL')
  return 's', first
end

-- Answers the question at ``at`` for a key, and takes the claim where it can be had.
local function claim(key, group, at)
  local answer, first = 'f', nil
  local received, who_and_mark = sub(asked, at + 1, at + 13), sub(asked, at + 14, at + 46)
  local taken = '1c' .. received .. lease_ends .. who_and_mark
  -- Nearly every occurrence is new, and then this is all.
  if not call('SET', key, taken, 'NX', 'PX', keep) then
    -- Of a group only a repeat of the latest state is a duplicate: after another state this one is news again.
    if not group or call('GET', group) == key then
      local over
      answer, first, over = known_of(key, call('GET', key), sub(asked, at + 1, at + 47))
      taken = over or taken
    end
    if answer == 'f' or answer == 't' then call('SET', key, taken, 'PX', keep) end
  end
  if group and (answer == 'f' or answer == 't') then call('SET', group, key, 'PX', keep) end
  return answer, first
end

local grouped = ends + asks
for i = 1, asks do
  local at, key = 47 * (i - 1), KEYS[ends + i]
  local group
  if sub(asked, at + 47, at + 47) == 'g' then
    grouped = grouped + 1
    group = KEYS[grouped]
  end
  local answer, first = claim(key, group, at)
  if answer == 'r' then
    answer, first = claim(key .. '#' .. sub(asked, at + 31, at + 46), group, at)
    if answer ~= 'r' then answer = string.upper(answer) end
  end
  answers[ends + i] = answer
  if first then times = times .. first end
end
return table.concat(answers) .. times
