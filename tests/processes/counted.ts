import type { Implementation } from "taskpact";

/** The same handlers, with each run told by its call's id. */
export function counted(implementation: Implementation, ran: (callId: string) => void): Implementation {
  return {
    contract: implementation.contract,
    tasks: implementation.tasks.map(({ handler, ...bound }) => ({
      ...bound,
      handler: (params, context) => {
        ran((context as { readonly callId: string }).callId);
        return handler(params, context);
      },
    })),
  };
}
