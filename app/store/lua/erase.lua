-- uses: session
-- Erases every trace of a conversation and tells its sockets.
-- ARGV: sid     Answers: 1 if there was one, else 0
local existed = redis.call('DEL', S)
redis.call('DEL', LOG, IDS, TODO, PARTIAL, SECRET)
redis.call('ZREM', ACTIVE, ARGV[1])
redis.call('ZREM', TURNS, ARGV[1])
redis.call('SPUBLISH', S, 'g')
return existed
