-- uses: session
-- Replaces the epoch by compare-and-set after a fork of the log was seen, and tells every replica to let its sockets
-- resume (I3).
-- ARGV: epoch as it was, new epoch     Answers: the epoch in force, or nil if the session is gone
local epoch = redis.call('HGET', S, 'epoch')
if epoch ~= ARGV[1] then return epoch end
redis.call('HSET', S, 'epoch', ARGV[2])
redis.call('SPUBLISH', S, 'f')
return ARGV[2]
