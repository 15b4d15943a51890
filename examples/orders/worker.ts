/** Runs the shop's tasks over Redis. `npm run example:orders` starts it for `--redis`, and needs none without. */
import { createWorker } from "taskpact";
import { implementations } from "./implementations.ts";

const broker = process.env["TASKPACT_BROKER"] ?? "redis://127.0.0.1:6379";
await createWorker({ broker, implementations }).run();
