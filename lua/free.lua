#!lua flags=allow-oom
-- free: removes up to 64 holds of calls that were not served, at no cost, each once (C5).
--
-- Returns { head as settle's, a status for each hold: 'freed', 'returned cost' (it had expired: the credits that
--         the expiry charged are given back), 'tombstone' (no such hold: a reserve that arrives late is refused),
--         'already' }; only the head if the organization no longer exists; { 'fault why' } (include/soundness.lua)
-- Effects as settle's, but nothing is crossed
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
