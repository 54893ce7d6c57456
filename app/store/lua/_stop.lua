-- Ending turns and handing on what is left, for the scripts that name it in their `-- uses:` line.
-- Ends every turn in todo but the first `from`: for a hand-over to a person, or the end of the conversation.
local function end_turns(h, mark, now, from, body)
  for _, turn in ipairs(redis.call('LRANGE', TODO, from, -1)) do
    append(h, mark, now, turn, body)
    redis.call('HDEL', SECRET, turn)
  end
  if from == 0 then redis.call('DEL', TODO, SECRET) else redis.call('LTRIM', TODO, 0, from - 1) end
end

-- Ends the running turn for somebody without its lease: the stored text becomes the message (I4).
local function stop_running(h, mark, now, message, ending)
  if tonumber(h.last) >= 0 then
    append(h, mark, now, h.turn, message .. cjson.encode(redis.call('GET', PARTIAL)) .. '}')
    redis.call('DEL', PARTIAL)
  end
  append(h, mark, now, h.turn, ending)
  redis.call('HDEL', SECRET, redis.call('LPOP', TODO))
end

-- Replaces the fence (I5) and leases what is left to do to `owner`; `stopped`: the running turn has just ended.
-- Answers what runs now, as publications name it; h says the rest.
local function hand_on(h, mark, sid, now, owner, lease, stopped)
  h.fence = bump(h.fence, mark)
  if stopped then
    h.turn, h.attempt, h.crashes, h.part, h.last = redis.call('LINDEX', TODO, 0) or '', 1, 0, 0, -1
  elseif h.turn ~= '' then
    h.attempt = h.attempt + 1
  end
  local busy = h.turn ~= ''
  redis.call('HSET', S, unpack(lease_fields(h.fence, busy and owner or '', busy and now + lease or 0, h.attempt or 1,
    h.crashes or 0, h.turn, h.part or 0, h.last or -1)))
  if not busy then redis.call('ZREM', TURNS, sid) end
  return busy and h.turn .. '.' .. h.attempt or '-'
end

-- The lease that hand_on gave, for an answer; nothing if nothing is left, or if it has been taken since.
local function handed(h, mark)
  if h.turn == '' or not marked(h.fence, mark) then return '', false end
  return h.fence, lease_reply(h.turn, h.attempt, h.crashes, h.part, h.last)
end

-- What a commit left in `done`, or an act, cancel or import in `acted`: its mark, its first seq, the turn it handed on
-- to. nil if it wasn't `mark`. Two fields, since a cancel of a waiting turn must not make a commit forget its own.
local function done_by(done, mark)
  local by, seq, next_turn = string.match(done or '', '^(%S+) (%S+) (%S*)$')
  if by == mark then return seq, next_turn end
end
