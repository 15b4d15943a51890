/** A worker for the sums and the texts. Told to stop, it says the ids of the calls that it ran. */
import { createWorker, type Logger } from "taskpact";
import { math } from "../../examples/handlers/math.ts";
import { text } from "../../examples/handlers/text.ts";
import { counted } from "./counted.ts";
import { say, sayLast } from "./say.ts";

const [url = "", namespace = ""] = process.argv.slice(2);
const ran: string[] = [];
const line = (level: string) => (fields: object, message: string) =>
  void process.stderr.write(`${level} ${message} ${JSON.stringify(fields)}\n`);
const log: Logger = {
  debug() {},
  info: (_, message) => void (message === "listening" && say("listening")),
  warn: line("warn"),
  error: line("error"),
};
const worker = createWorker({
  broker: url,
  namespace,
  implementations: [math, text].map((implementation) => counted(implementation, (id) => ran.push(id))),
  log,
});
// Without its parent it has no reason to be.
process.once("disconnect", () => process.exit(1));
process.once("message", () => void worker.stop());
await worker.run();
sayLast(ran);
