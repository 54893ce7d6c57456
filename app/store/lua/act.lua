-- uses: session lease stop
-- Changes the head from any replica, without a lease (I5 I9): identify, sign out, end, save. Replaces the fence; a turn
-- that runs is leased to the caller to go on with, or, with `stop`, ends here with all that wait (I4). With `start` the
-- last state event begins a turn, as a message does, if the bot is there to answer.
-- ARGV: mark, schema, sid, stop 0|1, start 0|1, rev, head, mode or '', hold 0|1|2 or '', asking 0|1 or '', owner, lease ms,
--   ttl ms, message body up to its text, turn_end body, epoch, head of a session that may be created or '', then bodies
--   of state events
-- Answers: {'ok', seq, rev, fence or '', lease_reply or nil}  (again with the same mark: the same)  {'gone'}  {'schema'}
--   {'stale', rev, head}: the head changed, decide again   {'none'}: the conversation has ended
local mark, schema, sid, stop, start, rev, head, mode, hold, asking, owner, lease, ttl, message, ending, epoch, fresh =
  unpack(ARGV)
local h = read('schema', 'seq', 'mark', 'rev', 'fence', 'turn', 'part', 'last', 'attempt', 'crashes', 'mode',
  'expires_at', 'hold', 'acted', 'lease_until', 'asking')
local now = clock()
if not h.schema then
  if fresh == '' then return { 'gone' } end
  h = { seq = 0, mark = '0', rev = '', fence = '0-0', mode = 'bot' }
elseif newer(h, schema) then
  return { 'schema' }
end
h.turn = h.turn or ''
local done = done_by(h.acted, mark)
if done then return { 'ok', done, h.rev, handed(h, mark) } end
if h.mode == 'ended' then return { 'none' } end
if h.rev ~= rev then return { 'stale', h.rev, redis.call('HGET', S, 'head') } end

if not h.expires_at then
  redis.call('HSET', S, 'schema', schema, 'epoch', epoch, 'mode', 'bot', 'asking', '0', 'created_at', now)
end
local before = { seq = h.seq, mark = h.mark }
local stopped = stop == '1' and h.turn ~= ''
if stopped then
  stop_running(h, mark, now, message, ending)
  end_turns(h, mark, now, 0, ending)
end
mode = mode ~= '' and mode or h.mode
start = start == '1' and mode == 'bot'
for i = 18, #ARGV do append(h, mark, now, start and i == #ARGV and h.seq + 1 or '', ARGV[i]) end
if start then redis.call('RPUSH', TODO, h.seq) end
local running = hand_on(h, mark, sid, now, owner, lease, stopped or h.turn == '')
h.rev = bump(h.rev ~= '' and h.rev or '0', mark)
if asking == '' then asking = h.asking or '0' end
if mode ~= 'bot' then asking = '0' end -- only a turn opens a sealed answer
redis.call('HSET', S, 'seq', h.seq, 'mark', #lines > 0 and mark or h.mark, 'rev', h.rev, 'head', head,
  'acted', mark .. ' ' .. h.seq .. ' ', 'mode', mode, 'asking', asking,
  'hold', hold ~= '' and hold or h.hold or '0')
redis.call('ZADD', ACTIVE, now, sid)
local expires = keep(now, before.seq ~= '0' and h.expires_at, ttl, hold ~= '' and hold or h.hold)
redis.call('PEXPIREAT', ACTIVE, expires, 'NX')
if start then redis.call('PEXPIREAT', TODO, expires, 'NX') end
queue(sid, hold, h.hold, now, expires)
if h.turn ~= '' then schedule(sid, now + lease, expires) end
publish(before, mark, now, h.rev, running)
return { 'ok', h.seq, h.rev, handed(h, mark) }
