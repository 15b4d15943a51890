import type { Implementation } from "taskpact";
import { implementMath } from "../../generated/index.ts";

/** Sums, and how often each was made. */
export function countedSums(): { readonly implementation: Implementation; readonly ran: Map<number, number> } {
  const ran = new Map<number, number>();
  const implementation = implementMath({
    addition: ({ a, b }) => {
      ran.set(a, (ran.get(a) ?? 0) + 1);
      return a + b;
    },
    subtraction: () => 0,
    division: () => 0,
  });
  return { implementation, ran };
}
