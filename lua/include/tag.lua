-- An entity's version is the hash of its stored text; '' if there is none (A2).
local function tag_of(text)
  return text and redis.sha1hex(text) or ''
end

-- The version of a resource that consists of several fields of a hash.
local function tag_of_fields(hash, names)
  local stored = redis.call('HMGET', hash, unpack(names))
  for i = 1, #names do stored[i] = stored[i] or '' end
  return tag_of(table.concat(stored, '\n'))
end
