import { afterAll, beforeAll, describe } from "vitest";
import { callRules } from "../calls/suite.ts";
import "./open.ts";
import { startShelf } from "./stage.ts";

describe("over a broker of a third party", () => {
  let server: Awaited<ReturnType<typeof startShelf>>;
  beforeAll(async () => {
    server = await startShelf();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  let count = 0;
  callRules(
    "shelf:",
    () => {
      const url = `shelf://${server.path}?shelf=${count++}`;
      return () => url;
    },
    ["locks", "parked calls", "looking after tasks", "node queues"],
  );
});
