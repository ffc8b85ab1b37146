-- ARGV comes as one JSON list of texts: a batch has hundreds, and each that is sent apart costs client and server more than all of
-- its work in here.
local ARGV = cjson.decode(ARGV[1])
