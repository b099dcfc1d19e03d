// Holds dashboards against Grafana's types: node validate.mjs FILE… It prints what is
// wrong, a line each, and ends with 1 then.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import Ajv from "ajv";
import { createGenerator } from "ts-json-schema-generator";

const here = dirname(fileURLToPath(import.meta.url));
const generator = createGenerator({ path: join(here, "types.ts"), tsconfig: join(here, "tsconfig.json"), skipTypeCheck: true });
const ajv = new Ajv({ allErrors: true, strict: false, allowUnionTypes: true });
const schemas = new Map();

function faults(type, value, where) {
  if (!schemas.has(type)) {
    schemas.set(type, ajv.compile(generator.createSchema(type)));
  }
  const check = schemas.get(type);
  if (check(value)) {
    return [];
  }
  return check.errors.map((e) => `${where}${e.instancePath} ${e.message} ${JSON.stringify(e.params)}`);
}

const kinds = { row: "Row", timeseries: "Timeseries", stat: "Stat", table: "Table", bargauge: "Bargauge" };
let found = [];
for (const file of process.argv.slice(2)) {
  const dashboard = JSON.parse(readFileSync(file, "utf8"));
  found = found.concat(faults("File", dashboard, file));
  for (const panel of dashboard.panels ?? []) {
    const where = `${file}: panel ${panel.id} ${JSON.stringify(panel.title)}`;
    if (!(panel.type in kinds)) {
      found.push(`${where}: ${JSON.stringify(panel.type)} is no kind that types.ts has`);
      continue;
    }
    found = found.concat(faults(kinds[panel.type], panel, where));
  }
}
for (const line of found) {
  console.log(line);
}
process.exitCode = found.length > 0 ? 1 : 0;
