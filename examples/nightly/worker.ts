/** Runs what is due over Redis, on as many machines as you like. `npm run example:nightly` starts it for `--redis`. */
import { createWorker } from "taskpact";
import { nightly } from "./handlers.ts";

const broker = process.env["TASKPACT_BROKER"] ?? "redis://127.0.0.1:6379";
await createWorker({ broker, implementations: [nightly] }).run();
