-- Sends requests that are ready as bytes, one after the other, and reports figures as JSON.
--
-- The file named by the first argument holds each request after a line with its size in bytes;
-- the file named by WRK_FIGURES receives the figures.

local requests = {}
local position = 0

function init(arguments)
   local file = assert(io.open(arguments[1], "rb"))
   while true do
      local size = file:read("*l")
      if not size then break end
      requests[#requests + 1] = file:read(tonumber(size))
   end
   file:close()
end

function request()
   position = position % #requests + 1
   return requests[position]
end

function done(summary, latency)
   local errors = summary.errors
   local file = assert(io.open(os.getenv("WRK_FIGURES"), "w"))
   file:write(string.format(
      '{"requests": %d, "seconds": %.6f, "p50_ms": %.3f, "p99_ms": %.3f, ' ..
      '"refused": %d, "broken": %d}\n',
      summary.requests, summary.duration / 1e6,
      latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
      errors.status, errors.connect + errors.read + errors.write + errors.timeout))
   file:close()
end
