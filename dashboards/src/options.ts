// The flags of `npm run generate -- --flag value`: your addresses, and where to write.
import { resolve } from "node:path";
import { parseArgs } from "node:util";

const names = ["grafana-url", "runbook-url", "exporter-url", "out"] as const;
type Name = (typeof names)[number];

const usage = `usage: npm run generate -- [--grafana-url URL] [--runbook-url URL] [--exporter-url URL] [--out FOLDER]
  --grafana-url   URL of Grafana, for links in alerts
  --runbook-url   URL of docs/runbooks.md, for links in alerts and dashboards
  --exporter-url  URL at which browsers reach the exporter, for links in dashboards and exemplars
  --out           folder to write dashboards/ and deploy/ into, instead of the repository`;

function refuse(why: string): never {
  console.error(`${why}\n${usage}`);
  process.exit(1);
}

function parse(): Partial<Record<Name, string>> {
  try {
    const { values } = parseArgs({ options: { ...Object.fromEntries(names.map((name) => [name, { type: "string" as const }])), help: { type: "boolean" } } });
    if (values.help) {
      console.log(usage);
      process.exit(0);
    }
    return values as Partial<Record<Name, string>>;
  } catch (e) {
    return refuse((e as Error).message);
  }
}

const given = parse();

/** A URL without a slash at its end, so that a path can follow. */
export function urlOption(name: Exclude<Name, "out">, otherwise: string): string {
  const value = given[name] ?? otherwise;
  // Refuse characters that would end the URL, a string of the YAML, or a template in it.
  if (!URL.canParse(value) || !/^https?:\/\/[^\s'"`|{}$?#\\]+$/.test(value)) refuse(`--${name} must be an http or https URL without a query: ${value}`);
  return value.replace(/\/+$/, "");
}

/** The folder to write below. npm changes into dashboards/, and INIT_CWD is the folder in which it was started. */
export const out = given.out === undefined ? ".." : resolve(process.env.INIT_CWD ?? ".", given.out);
/** Whether this folder is the repository. */
export const here = given.out === undefined;
