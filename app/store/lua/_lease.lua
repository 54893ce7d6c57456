-- Deadlines and leases, for the scripts that name it in their `-- uses:` line.
-- I11: all keys of a conversation share one deadline, moved when it is 1 % off; indexes outlive their members.
-- `hold`: 0 no ticket, 1 a person is at work, 2 one is awaited.
local function keep(now, expires, ttl, hold)
  ttl = tonumber(ttl)
  if (hold or '0') ~= '0' and ttl < WEEK then ttl = WEEK end
  local want = now + ttl
  if expires and math.abs(want - expires) * 100 < ttl then return expires end
  redis.call('HSET', S, 'expires_at', want)
  for i = 1, 6 do redis.call('PEXPIREAT', KEYS[i], want) end
  for i = 7, 9 do
    if redis.call('PEXPIRETIME', KEYS[i]) < want then redis.call('PEXPIREAT', KEYS[i], want) end
  end
  redis.call('ZREMRANGEBYSCORE', ACTIVE, '-inf', now - math.max(ttl, WEEK))
  return want
end

-- Keeps `tickets` true: exactly the conversations that wait for a person, by when they began to. One that was never
-- looked at and expired leaves when the list is read, or after a month.
local function queue(sid, hold, before, now, expires)
  if hold == '' or hold == (before or '0') then return end
  if hold ~= '2' then redis.call('ZREM', TICKETS, sid) return end
  redis.call('ZADD', TICKETS, now, sid)
  if redis.call('PEXPIRETIME', TICKETS) < tonumber(expires) then redis.call('PEXPIREAT', TICKETS, expires) end
  redis.call('ZREMRANGEBYSCORE', TICKETS, '-inf', now - 30 * WEEK / 7)
end

local function expired(h, now, lease)
  local till = tonumber(h.lease_until or 0)
  return till < now or till > now + lease
end

local function schedule(sid, till, expires)
  redis.call('ZADD', TURNS, till, sid)
  if redis.call('PEXPIRETIME', TURNS) < tonumber(expires) then redis.call('PEXPIREAT', TURNS, expires) end
end

local function entry(seq)
  return redis.call('XRANGE', LOG, seq, seq)[1]
end

local function bump(value, mark)
  return (tonumber(string.match(value or '0', '^%d+')) + 1) .. '-' .. mark
end

local function marked(value, mark)
  return value and string.match(value, '%-(.*)$') == mark
end

-- The lease on turn `turn` for `owner`, as fields for HSET S. `part` and `last` say where the stored text ends.
local function lease_fields(fence, owner, till, attempt, crashes, turn, part, last)
  return { 'fence', fence, 'owner', owner, 'lease_until', till, 'attempt', attempt, 'crashes', crashes,
    'turn', turn, 'part', part, 'last', last }
end

-- What a new holder needs: turn, attempt, crashes, part, last, the stored text, and the event that started the turn.
local function lease_reply(turn, attempt, crashes, part, last)
  local text = tonumber(last) >= 0 and redis.call('GET', PARTIAL) or ''
  return { turn, attempt, crashes, part, last, text, entry(turn), redis.call('HGET', SECRET, turn) }
end
