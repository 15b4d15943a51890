import type { Opening } from "taskpact";
import { openLedger } from "./ledger.ts";

/** What handlers depend on: open before the first of them runs, closed after the last. */
export async function open({ onClose }: Opening) {
  const ledger = await openLedger(console.log);
  onClose(() => ledger.close());
  return { ledger };
}
