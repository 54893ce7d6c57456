-- Shared by the scripts of a conversation: scripts.py puts the files that a script names in `-- uses:` in front of it.
-- KEYS (always all nine, one slot): session, log, ids, todo, partial, secret, active, turns, tickets.
-- Times are Redis's own, Unix milliseconds. A mark is a random decimal below 2^63, fresh for each writing call.
-- Publications (on the channel named like the session's key; a hint, I6), parsed by core/publication.py:
--   e <seq before> <mark before> <first seq> <mark> <ms> <rev> <running>, then a line "<turn or -> <body>" an event
--   d <turn> <attempt> <part> <wrote> <first> <last>, then the text      r <turn>.<attempt>      g (erased)      f <epoch> (forked)
local S, LOG, IDS, TODO, PARTIAL, SECRET, ACTIVE, TURNS, TICKETS = unpack(KEYS)
local WEEK = 604800000

local function clock()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

local function read(...)
  local names, values, h = { ... }, nil, {}
  values = redis.call('HMGET', S, ...)
  for i, name in ipairs(names) do h[name] = values[i] end
  return h
end

local function newer(h, schema)
  return tonumber(h.schema) > tonumber(schema)
end

-- Numbers events after h.seq, stores them, and remembers what to publish.
local lines = {}
local function append(h, mark, now, turn, body)
  h.seq = h.seq + 1
  redis.call('XADD', LOG, h.seq .. '-' .. mark, 't', now, 'n', turn, 'd', body)
  lines[#lines + 1] = (turn == '' and '-' or turn) .. ' ' .. body
end

local function publish(before, mark, now, rev, running)
  if #lines == 0 then return end
  local head = 'e ' .. before.seq .. ' ' .. before.mark .. ' ' .. (before.seq + 1) .. ' ' .. mark .. ' ' .. now
  redis.call('SPUBLISH', S, head .. ' ' .. rev .. ' ' .. running .. '\n' .. table.concat(lines, '\n'))
end
