// What `npm run generate -- --flag value` takes: the addresses of an installation, and where to write.
import { resolve } from "node:path";
import { parseArgs } from "node:util";

const names = ["grafana-url", "runbook-url", "exporter-url", "out"] as const;
type Name = (typeof names)[number];

const usage = `usage: npm run generate -- [--grafana-url URL] [--runbook-url URL] [--exporter-url URL] [--out FOLDER]
  --grafana-url   where people reach Grafana: links in alerts
  --runbook-url   where they read docs/runbooks.md: links in alerts and dashboards
  --exporter-url  where their browsers reach the exporter: links in dashboards and exemplars
  --out           writes dashboards/ and deploy/ into that folder and not into the repository`;

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

/** A URL without a slash at its end, so that paths can follow. */
export function urlOption(name: Exclude<Name, "out">, otherwise: string): string {
  const value = given[name] ?? otherwise;
  // What would end a string in the YAML or a template in it, or the URL itself, is no part of an address.
  if (!URL.canParse(value) || !/^https?:\/\/[^\s'"`|{}$?#\\]+$/.test(value)) refuse(`--${name} is no http or https URL without a query: ${value}`);
  return value.replace(/\/+$/, "");
}

/** The folder that files are written below. npm changes into dashboards/ and tells where it was started. */
export const out = given.out === undefined ? ".." : resolve(process.env.INIT_CWD ?? ".", given.out);
/** Whether that is the repository. */
export const here = given.out === undefined;
