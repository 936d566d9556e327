// node check.js FILE...: one line of JSON a file, what the AsyncAPI project's own parser makes of it.
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

for (const source of process.argv.slice(2)) {
  const { document, diagnostics } = await new Parser().parse(readFileSync(source, "utf8"), { source });
  const channels = document ? document.channels().all() : [];
  console.log(
    JSON.stringify({
      errors: diagnostics
        .filter(({ severity }) => severity <= 1) // errors and warnings
        .map(({ code, message, path }) => `${code}: ${path.join(".")}: ${message}`),
      topics: channels.map((channel) => channel.address()),
    }),
  );
}
