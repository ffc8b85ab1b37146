-- An entity's version is the hash of the text that is stored of it; '' where there is none (A2).
local function tag_of(text)
  return text and redis.sha1hex(text) or ''
end
