import { defineConfig } from "taskpact/config";

export default defineConfig({
  contracts: "contracts",
  generated: "generated",
  client: "flat",
});
