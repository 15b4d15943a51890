import { cancelScript } from "./cancel.ts";
import { censusScript } from "./census.ts";
import { claimScript } from "./claim.ts";
import { finishScript } from "./finish.ts";
import { haltScript } from "./halt.ts";
import { fireScript } from "./fire.ts";
import { discardScript } from "./discard.ts";
import { dropScript } from "./drop.ts";
import { inspectScript } from "./inspect.ts";
import { listenScript } from "./listen.ts";
import { lockScript } from "./lock.ts";
import { parkedScript } from "./parked.ts";
import { pauseScript } from "./pause.ts";
import { presenceScript } from "./presence.ts";
import { purgeScript } from "./purge.ts";
import { readScript } from "./read.ts";
import { reapScript } from "./reap.ts";
import { renewScript } from "./renew.ts";
import { replayScript } from "./replay.ts";
import { reportScript } from "./report.ts";
import { revokeScript } from "./revoke.ts";
import { ringingScript } from "./ringing.ts";
import { schedulesScript } from "./schedules.ts";
import type { Script } from "./script.ts";
import { submitScript } from "./submit.ts";
import { unlockScript } from "./unlock.ts";

/** All scripts, in the order in which the protocol's page tells of them. */
export const scripts: readonly Script[] = [
  submitScript,
  ringingScript,
  claimScript,
  finishScript,
  reportScript,
  renewScript,
  reapScript,
  cancelScript,
  revokeScript,
  readScript,
  presenceScript,
  parkedScript,
  inspectScript,
  replayScript,
  discardScript,
  haltScript,
  purgeScript,
  dropScript,
  censusScript,
  listenScript,
  fireScript,
  schedulesScript,
  pauseScript,
  lockScript,
  unlockScript,
];
