import { implementOrders, type Tasks } from "../generated/index.ts";

export const orders = implementOrders({
  /**
   * Should its worker die in the middle, another begins again: each step knows the order by its number, and is done
   * once. What can't be done is undone, and told by an error of this task's own.
   */
  async place({ order }, { tasks, errors, progress, log }) {
    progress({ step: "reserving" });
    const reserved = await tasks.safe.reserve(order.number, order.lines);
    if (!reserved.ok) {
      if (reserved.error.name === "outOfStock") throw errors.outOfStock(reserved.error.data);
      throw reserved.error;
    }
    const { cents } = reserved.value;

    progress({ step: "charging" });
    const paid = await tasks.safe.charge(order.number, order.customer, cents);
    if (!paid.ok) {
      if (paid.error.name !== "paymentDeclined") throw paid.error;
      progress({ step: "undoing" });
      await tasks.release(order.number);
      throw errors.paymentDeclined(paid.error.data);
    }
    if (paid.value.attempts > 1) log.info({ order: order.number, ...paid.value }, "charged, in the end");

    progress({ step: "shipping" });
    const shipped = await tasks.safe.ship(order.number, order.country);
    if (!shipped.ok) {
      if (shipped.error.name !== "notDeliverable") throw shipped.error;
      progress({ step: "undoing" });
      await undo(tasks, order.number);
      throw errors.notDeliverable(shipped.error.data);
    }
    return { cents, parcel: shipped.value };
  },
});

/** Money first: goods may wait. */
async function undo(tasks: Tasks, order: string): Promise<void> {
  await tasks.refund(order);
  await tasks.release(order);
}
