-- Makes wrk send events, no two alike, and print what came of them as one line of JSON.
-- wrk … -s events.lua URL -- KEY TEMPLATES CUSTOMERS RUN START
-- TEMPLATES and CUSTOMERS are files with one of them a line; RUN a number that no other run on this database has;
-- START when the first event happens, in epoch milliseconds.

local templates, customers = {}, {}
local run, start
local number = 0

local function lines(path, into)
  for line in io.lines(path) do into[#into + 1] = line end
end

function init(arguments)
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  wrk.headers["x-growlytics-key"] = arguments[1]
  lines(arguments[2], templates)
  lines(arguments[3], customers)
  run, start = arguments[4], tonumber(arguments[5])
  math.randomseed(tonumber(run))
end

function request()
  number = number + 1
  local template = templates[number % #templates + 1]
  local customer = customers[math.random(#customers)]
  local order = run .. "-" .. number
  return wrk.format(nil, nil, nil, template:format(customer, start + number, order, math.random(0, 999)))
end

function done(summary, latency)
  local errors = summary.errors
  print(string.format(
    '{"requests": %d, "microseconds": %d, "refused": %d, "broken": %d, "p50": %d, "p99": %d}',
    summary.requests, summary.duration, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99)
  ))
end
