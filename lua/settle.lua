#!lua flags=allow-oom
-- settle: charges the cost of up to 64 calls and removes their holds, each exactly once (C3, C4, C6).
--
-- Returns { 'ok now <org alerts> <user alerts> <limits reached>', a status for each call: 'charged', 'late' (the
--         hold was lost, and the id is recent enough to know that it was not charged), 'corrected cost' (it had
--         expired: the difference was charged), 'already', 'too_old', 'other_org' (recreated under the same id since)
--         }; only the head if the organization no longer exists; { 'fault why' } (include/soundness.lua)
-- Effects usage by user, model and day, top, leases, buckets, and every crossing to the outbox
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
local books = open_books(server_time())
if not books.is_there then return { head_of(books) } end
read_calls(books, items)

local replies = {}
for i = 1, #items do replies[i] = settle(books, items[i], 'too_old') end
return close_books(books, replies)
