-- Lua: tables, closures, coroutines, strings, files, processes, errors, numbers.
local squares = {}
for i = 1, 20000 do squares[#squares + 1] = i * i end
print(#squares, squares[#squares], select("#", table.unpack(squares, 1, 50)))
local function generate(n) return coroutine.wrap(function() for i = 1, n do coroutine.yield(i) end end) end
local sum = 0
for i in generate(1000) do sum = sum + i end
print(sum)
local words = {}
for word in ("the quick brown fox jumps over the lazy dog"):gmatch("%a+") do words[#words + 1] = word end
table.sort(words); print(table.concat(words, ","))
print(("%5.2f|%x|%q|%-6s|"):format(math.pi, 255, "a\nb", "ab"), ("abc"):rep(3, "-"), ("x"):byte())
print(1 // 0.0, -7 // 2, 7 % -3, 1 << 62, math.maxinteger + 1 == math.mininteger, 2^0.5, 0x1p4)
local file = assert(io.open("lua.txt", "w")); for i = 1, 1000 do file:write(i, "\n") end; file:close()
local n = 0; for line in io.lines("lua.txt") do n = n + tonumber(line) end; print(n)
local pipe = io.popen("echo from a shell; exit 3"); print(pipe:read("a"), pipe:close())
print(os.execute("kill -TERM $$"))
print(pcall(error, { code = 7 })); print(pcall(function() local x = nil; return x.y end))
print(io.open("/nowhere")); print(os.getenv("HOME") ~= nil, os.time({ year = 2020, month = 1, day = 1, hour = 12 }))
local object = setmetatable({}, { __index = function(_, key) return key .. "!" end, __call = function(_, a) return a * 2 end, __close = function() print("closed") end })
do local closing <close> = object; print(object.hello, object(21)) end
print(string.pack(">I4s2", 7, "ab"):byte(1, -1)); print(utf8.char(228, 8364), utf8.len("äö"))
collectgarbage(); print(collectgarbage("count") > 0)
os.remove("lua.txt"); io.stderr:write("to stderr\n"); os.exit(9)
