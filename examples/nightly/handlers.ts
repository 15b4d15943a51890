import { implementNightly } from "./generated/index.ts";

const dayMs = 86_400_000;

/** The instant of the slot for which a call was made: it stands in its id. One that was triggered is for now. */
const slotOf = (callId: string): Date => new Date(callId.split("@")[1] ?? Date.now());

/** A date as people in Berlin write it down: "2024-03-31". */
const berlin = new Intl.DateTimeFormat("sv-SE", { timeZone: "Europe/Berlin" });

export const nightly = implementNightly({
  closeDay({ shop }, { callId, log }) {
    const day = berlin.format(slotOf(callId).getTime() - dayMs);
    // A real one asks its database for the day's orders; whoever closes a day twice writes the same line.
    const orders = 40 + (Number(day.replaceAll("-", "")) % 17);
    log.info({ shop, day }, "closed");
    return { day, orders, cents: orders * 1_999 };
  },

  forgetSessions: (_, { callId }) => ({ forgotten: slotOf(callId).getUTCHours() * 3 }),
});
