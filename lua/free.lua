#!lua flags=allow-oom
-- free: takes up to 64 holds of calls that were not served off the books, at no cost, each once (C5).
--
-- Returns { head as settle's, a status for each hold: 'freed', 'returned cost' (it had expired: what that charged is
--         given back), 'tombstone' (no such hold: a reserve that arrives late is refused), 'already' }; the head alone
--         where the organization does not exist any more; { 'fault why' } (include/soundness.lua)
-- Effects as settle's, but that nothing is crossed
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
-- @include freeing
local books = open_books(server_time())
if not books.is_there then return { head_of(books) } end
read_calls(books, items)

local replies = {}
for i = 1, #items do replies[i] = free(books, items[i]) end
return close_books(books, replies)
