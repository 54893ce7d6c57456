-- uses: session lease
-- Takes over a turn whose lease has expired (I4 I5 I7 I9): new fence, next attempt, a crash counted unless it was released.
-- ARGV: mark, schema, sid, owner, lease ms
-- Answers: {'ok', fence, rev, head, epoch, lease_reply}  (again with the same mark: the same)   {'held', lease_until}
--   {'gone'}: nothing to do here   {'schema'}
local mark, schema, sid, owner, lease = unpack(ARGV)
local h = read('schema', 'rev', 'fence', 'turn', 'part', 'last', 'attempt', 'crashes', 'lease_until', 'owner', 'head',
  'epoch', 'expires_at')
if h.schema and newer(h, schema) then return { 'schema' } end
if not h.schema or not h.turn or h.turn == '' then
  redis.call('ZREM', TURNS, sid)
  return { 'gone' }
end
if not marked(h.fence, mark) then
  local now = clock()
  if not expired(h, now, lease) then
    schedule(sid, h.lease_until, h.expires_at)
    return { 'held', h.lease_until }
  end
  h.fence, h.attempt = bump(h.fence, mark), h.attempt + 1
  if h.owner ~= '' then h.crashes = h.crashes + 1 end
  local till = now + lease
  redis.call('HSET', S, unpack(lease_fields(h.fence, owner, till, h.attempt, h.crashes, h.turn, h.part, h.last)))
  schedule(sid, till, h.expires_at)
  redis.call('SPUBLISH', S, 'r ' .. h.turn .. '.' .. h.attempt)
end
return { 'ok', h.fence, h.rev, h.head, h.epoch, lease_reply(h.turn, h.attempt, h.crashes, h.part, h.last) }
