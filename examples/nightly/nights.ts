import { createWorker, streamLogger } from "taskpact";
import { testBroker } from "taskpact/testing";
import { createTasks } from "./generated/index.ts";
import { nightly } from "./handlers.ts";

const berlin = new Intl.DateTimeFormat("en-GB", {
  timeZone: "Europe/Berlin",
  weekday: "short",
  day: "2-digit",
  month: "short",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  timeZoneName: "short",
});

/** Lets nights pass by a test's clock, while a worker is there, paused, and away. A night takes a few ms. */
export async function playNights(): Promise<void> {
  const broker = testBroker();
  const { clock } = broker;
  const { client } = createTasks({ broker });
  let shown: number | undefined;

  /** Lets time pass until then, and tells which night's books were closed. */
  const pass = async (until: string): Promise<void> => {
    await clock.advance(Date.parse(until) - clock.now());
    const [closing] = await client.schedules.list();
    const { lastCall, lastSlot } = closing!;
    if (lastSlot === undefined || lastCall === undefined || lastSlot === shown || closing!.paused) {
      console.log("  nothing was called");
      return;
    }
    shown = lastSlot;
    const { day, orders } = await client.handle("closeDay", lastCall).result();
    console.log(`  ${berlin.format(lastSlot)}: closed ${day}, ${orders} orders`);
  };
  const startWorker = async () => {
    const worker = createWorker({
      broker,
      implementations: [nightly],
      handleSignals: false,
      log: streamLogger("error"),
    });
    const running = worker.run();
    await clock.advance(0);
    return () => worker.stop().then(() => running);
  };

  await clock.advance(Date.parse("2024-03-29T12:00:00Z") - clock.now());
  let stop = await startWorker();
  console.log("\nThree nights; in the second, there is no half past two: clocks go from 2:00 to 3:00");
  for (const noon of ["2024-03-30T12:00:00Z", "2024-03-31T12:00:00Z", "2024-04-01T12:00:00Z"]) await pass(noon);

  console.log("\nA night for which it is paused");
  await client.schedules.pause("closeDay");
  await pass("2024-04-02T12:00:00Z");
  await client.schedules.resume("closeDay");

  console.log("\nHalf a year without a worker, and then one again: of all nights that it missed, the last");
  await stop();
  await clock.advance(Date.parse("2024-10-26T12:00:00Z") - clock.now());
  stop = await startWorker();
  await pass("2024-10-26T12:00:00Z");

  console.log("\nA night that has half past two twice: it is taken once");
  await pass("2024-10-27T12:00:00Z");

  await stop();
  await client.close();
  await broker.close();
}
