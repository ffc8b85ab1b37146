#!lua
-- configure: saves fields of an organization's hash, all of them or none (A2).
--
-- KEYS    1 org
-- ARGV    1 the revision that the change was made from, or '' to overwrite whatever is there, then fields with values
-- Returns { 'saved', new revision } | { 'conflict', current revision } | { 'no_org' }
-- Effects org: the fields, revision
-- @include text
local revision = redis.call('HGET', KEYS[1], 'revision')
if not revision then return { 'no_org' } end
if ARGV[1] ~= '' and ARGV[1] ~= revision then return { 'conflict', revision } end

local new_revision = digits(tonumber(revision) + 1)
redis.call('HSET', KEYS[1], 'revision', new_revision, unpack(ARGV, 2))
return { 'saved', new_revision }
