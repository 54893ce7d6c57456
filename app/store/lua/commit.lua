-- uses: session lease stop
-- Stores what a turn says, fenced (I4 I5 I8): its events, its head, and, when it is final, hands on to the next turn.
-- ARGV: mark, sid, fence, rev, turn, final 0|1, head or '', mode or '', asking 0|1 or '', hold 0|1|2 or '', lease ms,
--   ttl ms, body of the turn_end for turns ended by a change of mode, then the bodies of the turn's events
-- Answers: {'ok', seq of the first event, rev, next turn or '', lease_reply(next)}  (again with the same mark: the same)
--   {'gone'}  {'fenced'}: nothing was written and nothing may be written  {'stale', rev, head}: the head changed
local mark, sid, fence, rev, turn, final, head, mode, asking, hold, lease, ttl, dropped = unpack(ARGV)
local h = read('seq', 'mark', 'rev', 'fence', 'turn', 'part', 'last', 'attempt', 'crashes', 'mode', 'expires_at', 'hold',
  'done')
if not h.seq then return { 'gone' } end
local done, handed_to = done_by(h.done, mark)
if done then
  if h.fence ~= fence then handed_to = '' end -- it has been taken since
  return { 'ok', done, h.rev, handed_to, handed_to ~= '' and lease_reply(handed_to, 1, 0, 0, -1) }
end
if h.fence ~= fence or h.turn ~= turn or redis.call('LINDEX', TODO, 0) ~= turn then return { 'fenced' } end
if h.rev ~= rev then return { 'stale', h.rev, redis.call('HGET', S, 'head') } end

local now = clock()
local before = { seq = h.seq, mark = h.mark }
for i = 14, #ARGV do append(h, mark, now, turn, ARGV[i]) end
if mode ~= '' and mode ~= h.mode then end_turns(h, mark, now, 1, dropped) end
if (mode ~= '' and mode or h.mode) ~= 'bot' then asking = '0' end -- only a turn opens a sealed answer
rev = bump(rev, mark)
local set = { 'seq', h.seq, 'rev', rev, 'mark', #lines > 0 and mark or h.mark }
local function put(name, value, before_it)
  if value ~= '' and value ~= before_it then set[#set + 1] = name; set[#set + 1] = value end
end
if h.last ~= '-1' then redis.call('DEL', PARTIAL); put('last', -1) end
put('head', head); put('mode', mode); put('asking', asking); put('hold', hold)
local next_turn, running, till = '', turn .. '.' .. h.attempt, now + lease
if final == '0' then
  put('part', h.part + 1)
else
  redis.call('LPOP', TODO)
  redis.call('HDEL', SECRET, turn)
  next_turn = redis.call('LINDEX', TODO, 0) or ''
  running = next_turn == '' and '-' or next_turn .. '.1'
  set[#set + 1] = 'turn'; set[#set + 1] = next_turn
  put('part', '0', h.part); put('attempt', '1', h.attempt); put('crashes', '0', h.crashes)
  if next_turn == '' then redis.call('ZREM', TURNS, sid) else put('lease_until', till) end
end
put('done', mark .. ' ' .. (before.seq + 1) .. ' ' .. next_turn)
redis.call('HSET', S, unpack(set))
local expires = keep(now, h.expires_at, ttl, hold ~= '' and hold or h.hold)
queue(sid, hold, h.hold, now, expires)
if next_turn ~= '' then schedule(sid, till, expires) end
publish(before, mark, now, rev, running)
return { 'ok', before.seq + 1, rev, next_turn, next_turn ~= '' and lease_reply(next_turn, 1, 0, 0, -1) }
