#!lua flags=allow-oom
-- replay: applies up to 64 entries of a journal, each exactly once (D2). Settles and frees of a hold are identified
-- by its id, charges of calls that were let through without the store by the journal and their number in it.
--
-- Returns { head as settle's, a status for each entry: as settle's or free's }; only the head if the organization
--         no longer exists; { 'fault why' } (include/soundness.lua)
-- Effects as settle's; the number of the last entry in journals
-- @include clock
-- @include text
-- @include records
-- @include policy
-- @include soundness
-- @include outbox
-- @include resolved
-- @include books
-- @include usage
-- @include charging
-- @include closing
-- @include settling
-- @include freeing
local books = open_books(server_time())
if not books.is_there then return { head_of(books) } end
local JOURNALS_LIFE_MS = 396 * 86400000
local last = tonumber(redis.call('HGET', key.journals, arg.journal) or 0)
read_calls(books, items)

local function pay(entry)
  if entry.seq <= last then return 'already' end
  last = entry.seq
  if entry.kind == 'free' then return free(books, entry) end
  if entry.kind == 'settle' then return settle(books, entry, entry.may_have_come == '1' and 'too_old' or 'late') end
  if entry.org_created_at ~= '' and entry.org_created_at ~= books.org.created_at then return 'other_org' end
  charge(books, entry, entry.cost, 1, entry.input_tokens, entry.output_tokens)
  return 'charged'
end

local replies = {}
for i, entry in ipairs(items) do replies[i] = pay(entry) end
replies = close_books(books, replies)
if not books.fault then
  redis.call('HSET', key.journals, arg.journal, digits(last))
  redis.call('PEXPIRE', key.journals, digits(JOURNALS_LIFE_MS))
end
return replies
