-- uses: session
-- Replaces the epoch by compare-and-set after a fork of the log was seen, and tells every replica to let its sockets
-- resume (I3). If what was seen is in this log after all (it was read from an older copy), nothing changes.
-- ARGV: epoch as it was, new epoch, seq, mark of the event that was seen
-- Answers: the epoch in force, or nil if the session is gone
local epoch = redis.call('HGET', S, 'epoch')
local at = ARGV[3] .. '-' .. ARGV[4]
if epoch ~= ARGV[1] or #redis.call('XRANGE', LOG, at, at) == 1 then return epoch end
redis.call('HSET', S, 'epoch', ARGV[2])
redis.call('SPUBLISH', S, 'f ' .. ARGV[2])
return ARGV[2]
