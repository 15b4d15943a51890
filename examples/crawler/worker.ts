/** Crawls over Redis. `npm run example:crawler` starts it for `--redis`, and needs none without. */
import { createWorker } from "taskpact";
import { crawler } from "./handlers.ts";

const broker = process.env["TASKPACT_BROKER"] ?? "redis://127.0.0.1:6379";
await createWorker({ broker, implementations: [crawler] }).run();
