import { script } from "./script.ts";

/** Has what happens in a queue told to those who listen. */
export const listenScript = script(
  "listen",
  "allow-oom",
  String.raw`
-- listen
-- KEYS[1] -> <namespace>:{<queue>}:queue
-- ARGV[1] -> clock offset, ms
-- ARGV[2] -> for how long, ms
-- Returns for how long yet some may not know of it, ms: who knows that nobody listens looks again after a second.
local key = P .. 'listeners'
local since = call('GET', key) or number(now)
call('SET', key, since, 'PX', math.max(ARGV[2], call('PTTL', key)))
return math.ceil(math.max(0, since + 1000 - now))
`,
);
