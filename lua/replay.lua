#!lua flags=allow-oom
-- replay: brings up to 64 entries of a journal to the books, each exactly once (D2): settles and frees of a hold by its id, charges of calls
-- that were taken without the store by the journal and their place in it, whichever is decisive.
--
-- KEYS, ARGV  as in include/accounts.lua, and as the last key the journals; before the calls the journal's id, then fifteen per
--             entry: its number in the journal, 'settle', 'free' or 'charge', hold id, indexes of user, day, user's day and resolved
--             hash (0 for a charge), bucket, source, model, cost (microcredits), input and output tokens, when the organization was
--             created (ms, '' for whichever is there), and '1' where the settle may have come to the store before it was journaled
-- Returns     { 'ok now <org alerts> <user alerts> <limits reached>', one status per entry: as settle's or free's }; the head alone
--             where the organization does not exist any more
-- Effects     as settle's; journals
-- @include packed
-- @include clock
-- @include text
-- @include policy
-- @include outbox
-- @include resolved
-- @include accounts
-- @include settling
-- @include freeing
if not org_exists then return { head() } end
local JOURNALS_LIFE_MS = 34214400000
local journals, journal = KEYS[#KEYS], ARGV[FIRST_CALL]
local last = tonumber(redis.call('HGET', journals, journal) or 0)
local entries = {}
for at = FIRST_CALL + 1, #ARGV, 15 do
  local entry = { seq = tonumber(ARGV[at]), kind = ARGV[at + 1], id = ARGV[at + 2], user = users[tonumber(ARGV[at + 3])],
    day = days[tonumber(ARGV[at + 4])], user_day = user_days[tonumber(ARGV[at + 5])], bucket = buckets[tonumber(ARGV[at + 6])],
    number = tonumber(ARGV[at + 7]), source = ARGV[at + 8], model = ARGV[at + 9], cost = tonumber(ARGV[at + 10]), input = tonumber(ARGV[at + 11]),
    output = tonumber(ARGV[at + 12]), org_created_at = ARGV[at + 13], may_have_come = ARGV[at + 14] == '1' }
  want_usage(entry)
  if entry.kind ~= 'charge' then want_hold(entry) end
  entries[#entries + 1] = entry
end
read_all()

local function pay(entry)
  if entry.seq <= last then return 'already' end
  last = entry.seq
  if entry.kind == 'free' then return free(entry) end
  if entry.kind == 'settle' then return settle(entry, entry.may_have_come and 'too_old' or 'late') end
  if entry.org_created_at ~= '' and entry.org_created_at ~= o[10] then return 'other_org' end
  charge(entry.user, entry, entry.cost, 1, entry.input, entry.output)
  return 'charged'
end

local replies = { '' }
for i, entry in ipairs(entries) do replies[i + 1] = pay(entry) end
replies[1] = head()
write_all()
redis.call('HSET', journals, journal, digits(last))
redis.call('PEXPIRE', journals, JOURNALS_LIFE_MS)
return replies
