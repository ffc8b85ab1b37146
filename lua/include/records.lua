-- Hashes, by the names of their fields.

-- The fields of a hash as a table; a field that is not there is nil.
local function read_fields(key, names)
  local found, fields = redis.call('HMGET', key, unpack(names)), {}
  for i = 1, #names do fields[names[i]] = found[i] or nil end
  return fields
end

-- A record is one hash of a batch: `fields` to read, their `value` after reading, the fields to set in `write`, and
-- the added-up usage in `usage`, as numbers until it is written.
local function new_records(keys)
  local records = {}
  for i = 1, #keys do records[i] = { key = keys[i], fields = {}, value = {}, write = {} } end
  return records
end

local function want(record, field)
  local fields = record.fields
  fields[#fields + 1] = field
end

local function read_record(record)
  local fields, value = record.fields, record.value
  if #fields == 0 then return end
  local found = redis.call('HMGET', record.key, unpack(fields))
  for i = 1, #fields do value[fields[i]] = found[i] or nil end
end
