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
    // Many start processes, which takes a busy machine of two cores seconds. What is to be fast counts its steps.
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
