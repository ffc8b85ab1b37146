-- `..` keeps 14 digits of a number; this keeps every digit below 2^53.
local format = string.format
local function digits(n)
  return format('%.0f', n)
end
