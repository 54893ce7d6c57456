-- uses: session
-- Appends a piece to the answer being written, fenced (I5), in chunk order, once; and publishes it.
-- KEYS as in _session.lua. ARGV: fence, turn, part, first chunk, last chunk, text
-- Answers: {'ok'}  (again with the same chunks: the same)   {'fenced'}: stop   {'hole', last}: the chunks don't follow
local fence, turn, part, first, last, text = unpack(ARGV)
local h = read('fence', 'turn', 'part', 'last', 'attempt', 'expires_at')
if h.fence ~= fence or h.turn ~= turn or h.part ~= part then return { 'fenced' } end
local stored = tonumber(h.last)
if stored == tonumber(last) and tonumber(first) > 0 then return { 'ok' } end
if first == '0' then
  redis.call('SET', PARTIAL, text, 'PXAT', h.expires_at)
elseif tonumber(first) == stored + 1 then
  redis.call('APPEND', PARTIAL, text)
else
  return { 'hole', stored }
end
redis.call('HSET', S, 'last', last)
local head = 'd ' .. turn .. ' ' .. h.attempt .. ' ' .. part .. ' ' .. first .. ' ' .. last
redis.call('SPUBLISH', S, head .. '\n' .. text)
return { 'ok' }
