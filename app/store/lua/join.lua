-- uses: session
-- Reads everything a socket needs at one moment: top, events after a cursor or the newest, state, the text being
-- written (I3). Writes nothing.
-- ARGV: schema, epoch, seq, mark of the cursor (seq 0: none, or with mark 0 the start), most events
-- Answers: {'ok', epoch, seq, mark, recovered 0|1, rev, mode, head, turn or '', attempt, part, wrote, last, text,
--   events}
--   {'gone'}   {'schema'}
local schema, epoch, seq, mark, limit = unpack(ARGV)
local h = read('schema', 'epoch', 'seq', 'mark', 'rev', 'mode', 'head', 'turn', 'attempt', 'part', 'wrote', 'last')
if not h.schema then return { 'gone' } end
if newer(h, schema) then return { 'schema' } end
local recovered, events = 0, nil
if seq == '0' and mark == '0' and epoch == h.epoch then
  recovered, events = 1, redis.call('XRANGE', LOG, '-', '+', 'COUNT', limit)
elseif seq ~= '0' and epoch == h.epoch then
  local at = seq .. '-' .. mark
  if #redis.call('XRANGE', LOG, at, at) == 1 then
    recovered, events = 1, redis.call('XRANGE', LOG, '(' .. at, '+', 'COUNT', limit)
  end
end
if recovered == 0 then
  local newest = redis.call('XREVRANGE', LOG, '+', '-', 'COUNT', limit)
  events = {}
  for i = #newest, 1, -1 do events[#events + 1] = newest[i] end
end
local turn, text = h.turn or '', ''
if turn ~= '' and tonumber(h.last) >= 0 then text = redis.call('GET', PARTIAL) or '' end
return { 'ok', h.epoch, h.seq, h.mark, recovered, h.rev, h.mode, h.head, turn, h.attempt or 0, h.part or 0, h.last ~= '-1' and h.wrote or 0,
  h.last or -1, text, events }
