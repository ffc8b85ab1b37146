-- `..` keeps 14 digits of a number; this keeps every digit below 2^53.
local function digits(n)
  return string.format('%.0f', n)
end
