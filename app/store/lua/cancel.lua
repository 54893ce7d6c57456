-- uses: session lease stop
-- Ends one turn from any replica, without its lease (I4 I5): running, its stored text becomes the message and the fence
-- is replaced; waiting, it leaves the queue. What is left to do after a running one is leased to the caller.
-- ARGV: mark, schema, sid, turn, owner, lease ms, ttl ms, message body up to its text, turn_end body
-- Answers: {'ok', seq, rev, fence or '', lease_reply or nil}  (again with the same mark: the same)  {'gone'}  {'schema'}
--   {'unknown'}: no such turn   {'none'}: it has ended
local mark, schema, sid, turn, owner, lease, ttl, message, ending = unpack(ARGV)
local h = read('schema', 'seq', 'mark', 'rev', 'fence', 'turn', 'part', 'last', 'attempt', 'crashes', 'expires_at',
  'hold', 'acted', 'lease_until')
if not h.schema then return { 'gone' } end
if newer(h, schema) then return { 'schema' } end
local done = done_by(h.acted, mark)
if done then return { 'ok', done, h.rev, handed(h, mark) } end
local place = redis.call('LPOS', TODO, turn)
if not place then
  local e = entry(turn)
  return { e and e[2][4] == turn and 'none' or 'unknown' }
end
local now, before = clock(), { seq = h.seq, mark = h.mark }
local running = h.turn .. '.' .. h.attempt
if place == 0 then
  stop_running(h, mark, now, message, ending)
  running = hand_on(h, mark, sid, now, owner, lease, true)
else
  append(h, mark, now, turn, ending)
  redis.call('LREM', TODO, 1, turn)
  redis.call('HDEL', SECRET, turn)
end
redis.call('HSET', S, 'seq', h.seq, 'mark', mark, 'acted', mark .. ' ' .. h.seq .. ' ')
local expires = keep(now, h.expires_at, ttl, h.hold)
if place == 0 and h.turn ~= '' then schedule(sid, now + lease, expires) end
publish(before, mark, now, h.rev, running)
return { 'ok', h.seq, h.rev, handed(h, mark) }
