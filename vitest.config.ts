import { defineConfig } from "vitest/config";

/** In this repository `taskpact` means its sources, as it does for tsc and for `npm run gen`. */
const conditions = ["taskpact-source"];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions: [...conditions, "node", "import", "default"] } },
  test: {
    include: ["{cli,generator,runtime,examples,tests,bench}/**/*.test.ts"],
    globalSetup: ["./tests/redis/global-setup.ts", "./tests/built/global-setup.ts"],
    execArgv: ["--conditions=taskpact-source"],
    // Many tests start processes, which takes seconds on a busy machine with two cores. Speed is measured in bench/, not by time-outs.
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
