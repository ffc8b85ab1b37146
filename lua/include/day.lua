-- Whether the open period, or the day that the caller assumes, is over. The caller then reads both again and retries.
local function is_over(org, now)
  -- If the clock has stepped back to before the period, it counts as the period's first day.
  local time_of_day = math.max(now, tonumber(org.period_start))
  return now >= tonumber(org.period_end) or time_of_day < arg.day_start_ms or time_of_day >= arg.day_end_ms
end
