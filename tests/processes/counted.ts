import type { Implementation } from "taskpact";

/** The same handlers, with each run told by its call's id. */
export function counted(implementation: Implementation, ran: (callId: string) => void): Implementation {
  return {
    contract: implementation.contract,
    tasks: implementation.tasks.map((task) => ({
      ...task,
      handler: (params, context) => {
        ran((context as { readonly callId: string }).callId);
        return task.handler(params, context);
      },
    })),
  };
}
