-- uses: session
-- Erases every trace of a conversation and tells its sockets; one of a newer schema is left as it is (I9).
-- ARGV: sid, schema     Answers: {1} if there was one, {0} if not, {'schema'}
local schema = redis.call('HGET', S, 'schema')
if schema and newer({ schema = schema }, ARGV[2]) then return { 'schema' } end
local existed = redis.call('DEL', S)
redis.call('DEL', LOG, IDS, TODO, PARTIAL, SECRET)
redis.call('ZREM', ACTIVE, ARGV[1])
redis.call('ZREM', TURNS, ARGV[1])
redis.call('ZREM', TICKETS, ARGV[1])
redis.call('SPUBLISH', S, 'g')
return { existed }
