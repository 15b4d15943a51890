import * as bank from "../bank.ts";
import { implementPayments } from "../generated/index.ts";

/**
 * The key by which the bank knows a charge. `context.idempotencyKey` is the same for all attempts of one call; the
 * order's number is so for all calls, and a repeated `place` makes another.
 */
const keyOf = (order: string): string => `order-${order}`;

export const payments = implementPayments({
  async charge({ order, customer, cents }, { errors, signal, attempt }) {
    const isPaid = await bank.charge(keyOf(order), { order, customer, cents }, signal);
    if (!isPaid) throw errors.paymentDeclined({ reason: `no ${cents / 100} euros in the account of ${customer}` });
    return { attempts: attempt };
  },

  refund: ({ order }) => bank.refund(keyOf(order)),

  statement: () => [...bank.statement()],
});
