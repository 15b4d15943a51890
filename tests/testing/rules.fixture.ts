import { test } from "node:test";
import { testingRules } from "./rules.ts";

testingRules((name, body) => void test(name, body));
