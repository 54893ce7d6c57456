-- uses: session
-- Appends a piece to the answer being written, fenced (I5), in chunk order, once; and publishes it.
-- `wrote` is the attempt that wrote chunk 0 of the text: one that continues keeps it, one that starts again replaces it.
-- ARGV: fence, turn, part, first chunk, last chunk, text
-- Answers: {'ok'}  (again with the same chunks: the same)   {'fenced'}: stop   {'hole', last}: the chunks don't follow
local fence, turn, part, first, last, text = unpack(ARGV)
local h = read('fence', 'turn', 'part', 'last', 'attempt', 'wrote', 'expires_at')
if h.fence ~= fence or h.turn ~= turn or h.part ~= part then return { 'fenced' } end
local stored = tonumber(h.last)
if stored == tonumber(last) and tonumber(first) > 0 then return { 'ok' } end
-- Late, or asked again: it must not take back what has been shown since.
if first == '0' and h.wrote == h.attempt and stored >= tonumber(last) then return { 'ok' } end
if first == '0' then
  redis.call('SET', PARTIAL, text, 'PXAT', h.expires_at)
  h.wrote = h.attempt
  redis.call('HSET', S, 'last', last, 'wrote', h.wrote)
elseif tonumber(first) == stored + 1 then
  redis.call('APPEND', PARTIAL, text)
  redis.call('HSET', S, 'last', last)
else
  return { 'hole', stored }
end
local head = 'd ' .. turn .. ' ' .. h.attempt .. ' ' .. part .. ' ' .. h.wrote .. ' ' .. first .. ' ' .. last
redis.call('SPUBLISH', S, head .. '\n' .. text)
return { 'ok' }
