/** The few names of node that these tests use, so that checking their types needs no further package. */

declare module 'node:test' {
  const test: (name: string, run: () => void | Promise<void>) => void;
  export default test;
}

declare module 'node:assert/strict' {
  interface Assert {
    (value: unknown, message?: string): asserts value;
    equal(actual: unknown, expected: unknown, message?: string): void;
    notEqual(actual: unknown, expected: unknown, message?: string): void;
    deepEqual(actual: unknown, expected: unknown, message?: string): void;
  }
  const assert: Assert;
  export default assert;
}

declare module 'node:fs' {
  export function readFileSync(path: URL, encoding: 'utf8'): string;
  export function readdirSync(path: URL, options?: { recursive: boolean }): string[];
}

interface ImportMeta {
  url: string;
}
