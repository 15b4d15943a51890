import { implementMath, implementTiming } from "../../generated/index.ts";
import { math as plainMath } from "../handlers/math.ts";
import { orders } from "../handlers/orders.ts";
import { text } from "../handlers/text.ts";

/** Where a handler ran last in this process. */
let ranHere = false;

/** Whether a handler of this process has run since it was last asked. */
export function hasRunHere(): boolean {
  const ran = ranHere;
  ranHere = false;
  return ran;
}

/** What the demo's client runs itself: additions, which note that they ran here. */
export const localMath = implementMath({
  addition({ a, b }) {
    ranHere = true;
    return a + b;
  },
  subtraction: ({ minuend, subtrahend }) => minuend - subtrahend,
  division({ dividend, divisor }, { errors }) {
    if (divisor === 0) throw errors.divisionByZero({ dividend });
    return dividend / divisor;
  },
});

/** A handler with a bug that types can't see: it trusts what came from elsewhere. */
const brokenTiming = implementTiming({
  asynchronous: () => JSON.parse('"a while"') as number,
});

/** What the demo's worker runs. */
export const workerImplementations = [plainMath, text, orders, brokenTiming];
