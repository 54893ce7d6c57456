-- uses: session lease
-- Keeps a lease, or gives it up so that another replica carries on at once (I5). One that expired unclaimed may be kept.
-- ARGV: sid, fence, lease ms (0: release), mark
-- Answers: 1, or 0 if the lease is lost  (a release again with the same mark: 1)
local sid, fence, lease, mark = unpack(ARGV)
local h = read('fence', 'turn', 'expires_at')
if lease == '0' and marked(h.fence, mark) then return 1 end
if h.fence ~= fence or h.turn == '' then return 0 end
local till = 0
if lease == '0' then
  redis.call('HSET', S, 'fence', bump(fence, mark), 'owner', '', 'lease_until', 0)
else
  till = clock() + lease
  redis.call('HSET', S, 'lease_until', till)
end
schedule(sid, till, h.expires_at)
return 1
