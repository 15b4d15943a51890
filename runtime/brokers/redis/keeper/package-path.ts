import { fileURLToPath } from "node:url";

/**
 * The file of ioredis that this package would import. In a module of its own: compilers to CommonJS, such as Jest's, can't
 * read `import.meta`.
 *
 * @throws Error where it is missing.
 */
export function importedDriver(): string {
  return fileURLToPath(import.meta.resolve("ioredis"));
}
