-- uses: session lease stop
-- Creates a conversation from a document, whole or not at all.
-- ARGV: mark, schema, sid, epoch, head, mode, hold 0|1|2, asking 0|1, ttl ms, created ms, active ms, count of events, then at, turn
--   or '', body of each; then id, seq of each client message id
-- Answers: 1, or 0 if the session exists (again with the same mark: 1)
local mark, schema, sid, epoch, head, mode, hold, asking, ttl, created, active, count = unpack(ARGV, 1, 12)
local h = read('schema', 'rev', 'acted')
if h.schema then return done_by(h.acted, mark) and 1 or 0 end
local now = clock()
local top = { seq = 0 }
for i = 13, 12 + 3 * count, 3 do append(top, mark, ARGV[i], ARGV[i + 1], ARGV[i + 2]) end
for i = 13 + 3 * count, #ARGV, 2 do redis.call('HSET', IDS, ARGV[i], ARGV[i + 1]) end
redis.call('HSET', S, 'schema', schema, 'epoch', epoch, 'seq', top.seq, 'mark', top.seq > 0 and mark or '0',
  'rev', '1-' .. mark, 'fence', '0-0', 'mode', mode, 'hold', hold, 'asking', asking, 'head', head, 'turn', '',
  'created_at', created, 'acted', mark .. ' 1 ', 'attempt', 1, 'crashes', 0, 'part', 0, 'last', -1)
local expires = keep(now, nil, ttl, hold)
queue(sid, hold, nil, now, expires)
-- However old it is, it is listed for as long as it lives: keep() drops who has been idle for the longer of the two.
redis.call('ZADD', ACTIVE, math.max(active, expires - math.max(ttl, WEEK)), sid)
redis.call('PEXPIREAT', ACTIVE, expires, 'NX')
redis.call('SPUBLISH', S, 'f ' .. epoch)
return 1
