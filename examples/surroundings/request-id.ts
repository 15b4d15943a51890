import { AsyncLocalStorage } from "node:async_hooks";
import type { Hook } from "taskpact";

/** The id of the request that led to what runs: at its caller, in handlers, and in those that they call. */
export const requestId = new AsyncLocalStorage<string>();

export const requestIds: Hook = {
  name: "request-ids",
  submit(_, next) {
    const id = requestId.getStore();
    return id === undefined ? next() : next({ metadata: { requestId: id } });
  },
  attempt({ context }, next) {
    const { requestId: id } = context.metadata;
    return id === undefined ? next() : requestId.run(id, next);
  },
};
