import { task } from "taskpact";
import * as z from "zod";

/** Hands an order to the carrier, and gives the number of its parcel: the same one if it is asked again. */
export const ship = task({
  params: { order: z.string(), country: z.string() },
  result: z.string(),
  errors: { notDeliverable: z.object({ country: z.string() }) },
});
