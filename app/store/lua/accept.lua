-- uses: session lease
-- Stores one user message once and in order, and leases its turn to the caller if none is running (I1 I2 I3 I8 I9).
-- ARGV: mark, schema, sid, message id, body, owner, lease ms, ttl ms, ms between messages (0: no rate), rev cached,
--   asking as the caller sees it, sealed text or '', epoch, head of a session that may be created or '', max events,
--   burst ms
-- Answers: {'ok', seq, fence or '', rev, head or nil}  stored (again with the same mark: the same answer)
--   {'dup', seq}  the id is known    {'gone'}  {'schema'}  {'ended'}  {'full'}  {'rate', ms}  {'asking', 0|1, rev, head}
local mark, schema, sid, id, body, owner, lease, ttl, gap, cached, asking, sealed, epoch, fresh, max, burst =
  unpack(ARGV)
local h = read('schema', 'seq', 'mark', 'rev', 'fence', 'mode', 'asking', 'lease_until', 'tat', 'expires_at', 'hold',
  'turn', 'attempt')
local now, new = clock(), {}
if not h.schema then
  if fresh == '' then return { 'gone' } end
  h = { seq = 0, mark = '0', rev = '1-' .. mark, fence = '0-0', mode = 'bot', asking = '0' }
  new = { 'schema', schema, 'epoch', epoch, 'rev', h.rev, 'mode', 'bot', 'asking', '0', 'head', fresh,
    'created_at', now, 'attempt', 1, 'crashes', 0, 'part', 0, 'last', -1 }
elseif newer(h, schema) then
  return { 'schema' }
end
local known = redis.call('HGET', IDS, id)
if known then
  local stored = entry(known)
  if not stored or stored[1] ~= known .. '-' .. mark then return { 'dup', known } end
  local mine = marked(h.fence, mark) and redis.call('LINDEX', TODO, 0) == known
  return { 'ok', known, mine and h.fence or '', h.rev, h.rev ~= cached and redis.call('HGET', S, 'head') }
end
if h.mode == 'ended' then return { 'ended' } end
if tonumber(h.seq) >= tonumber(max) then return { 'full' } end
if h.asking ~= asking then return { 'asking', h.asking, h.rev, redis.call('HGET', S, 'head') or fresh } end
gap, burst = tonumber(gap), tonumber(burst)
local tat = math.min(math.max(tonumber(h.tat or 0), now), now + burst)
if gap > 0 and tat - now > burst - gap then return { 'rate', math.ceil(tat - now - burst + gap) } end

local before = { seq = h.seq, mark = h.mark }
local bot = h.mode == 'bot'
append(h, mark, now, bot and h.seq + 1 or '', body)
redis.call('HSET', IDS, id, h.seq)
local first = bot and redis.call('RPUSH', TODO, h.seq) == 1
local fence, running, till = '', (h.turn or '') ~= '' and h.turn .. '.' .. h.attempt or '-', now + lease
if first then
  -- attempt, crashes, part and last are as the last turn's end left them: 1, 0, 0, -1.
  fence, running = bump(h.fence, mark), h.seq .. '.1'
  redis.call('HSET', S, 'seq', h.seq, 'mark', mark, 'tat', tat + gap, 'fence', fence, 'owner', owner,
    'lease_until', till, 'turn', h.seq, unpack(new))
else
  redis.call('HSET', S, 'seq', h.seq, 'mark', mark, 'tat', tat + gap, unpack(new))
end
redis.call('ZADD', ACTIVE, now, sid)
local expires = keep(now, h.seq > 1 and h.expires_at, ttl, h.hold) -- the first event makes the log
if not h.tat then redis.call('PEXPIREAT', IDS, expires, 'NX') end
if first then redis.call('PEXPIREAT', TODO, expires, 'NX') end
if sealed ~= '' then
  redis.call('HSET', SECRET, h.seq, sealed)
  redis.call('PEXPIREAT', SECRET, expires, 'NX')
end
if first then schedule(sid, till, expires)
elseif bot and expired(h, now, lease) then schedule(sid, h.lease_until or 0, expires) end
publish(before, mark, now, h.rev, running)
return { 'ok', h.seq, fence, h.rev, h.rev ~= cached and (fresh == '' or not new[1]) and redis.call('HGET', S, 'head') }
