-- uses: nothing
-- Counts an attempt to verify before it is judged, so that a crash overcounts and a takeover counts once. Never more than
-- `most` attempts are let in within `window`, from any number of conversations and replicas at once.
-- KEYS: the lock of one account or client     ARGV: admit | look | forget, member, most, window ms
-- Answers: {1 if it may be judged (look: if one more would) else 0, attempts counted, ms until the oldest is forgotten}
local what, member, most, window = unpack(ARGV)
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - window)
local known = redis.call('ZSCORE', KEYS[1], member)
if what == 'forget' then redis.call('ZREM', KEYS[1], member) end
local count = redis.call('ZCARD', KEYS[1])
local free = known or count < tonumber(most)
if what == 'admit' and free and not known then
  redis.call('ZADD', KEYS[1], now, member)
  redis.call('PEXPIRE', KEYS[1], window)
  count = count + 1
end
local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]
return { free and 1 or 0, count, oldest and oldest + window - now or 0 }
