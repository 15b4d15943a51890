/** Runs the pipeline over Redis, on machines that see the same files. `npm run example:pipeline` starts it for `--redis`. */
import { createWorker } from "taskpact";
import { readings } from "./handlers/readings.ts";
import { report } from "./handlers/report.ts";

const broker = process.env["TASKPACT_BROKER"] ?? "redis://127.0.0.1:6379";
await createWorker({ broker, implementations: [readings, report] }).run();
