// Runs the generator as people do, with flags. `npm run check` runs it after the files were written.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { test } from "node:test";

const root = join(import.meta.dirname, "..", "..");

function generate(...flags: string[]) {
  const { INIT_CWD: _, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync(process.execPath, ["build/main.js", ...flags], { cwd: join(root, "dashboards"), env, encoding: "utf8" });
  return { status, stdout, stderr };
}

function texts(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => join(folder, name)).filter((path) => statSync(path).isFile());
  return Object.fromEntries(files.map((path) => [relative(folder, path), readFileSync(path, "utf8")]));
}

test("addresses given by flags stand in every file, and nothing else differs", () => {
  const out = mkdtempSync(join(tmpdir(), "generate-"));
  try {
    const { status, stderr } = generate(
      "--grafana-url", "https://grafana.test/sub/", "--runbook-url", "https://wiki.test/runbooks", "--exporter-url", "https://hooks.test", "--out", out,
    );
    assert.equal(status, 0, stderr);
    const files = texts(out);
    assert.equal(Object.keys(files).length, 16);
    for (const [path, text] of Object.entries(files)) {
      const back = text
        .replaceAll("https://grafana.test/sub", "https://grafana.example.com")
        .replaceAll("https://wiki.test/runbooks", "https://git.example.com/omegastream_exporter/docs/runbooks.md")
        .replaceAll("https://hooks.test", "http://localhost:9877");
      if (!/records|policies|thresholds/.test(path)) assert.notEqual(text, back, path);
      assert.equal(back, readFileSync(join(root, path), "utf8"), path);
    }
  } finally {
    rmSync(out, { recursive: true });
  }
});

test("what is no address, or no flag, is refused, and nothing is written", () => {
  for (const [flags, why] of [
    [["--grafana-url", "grafana"], "--grafana-url must be an http or https URL without a query: grafana"],
    [["--runbook-url", "https://wiki/?page=runbooks"], "--runbook-url must be an http or https URL"],
    [["--exporter-url", "javascript:alert(1)"], "--exporter-url must be an http or https URL"],
    [["--grafana-url", "https://a'b"], "--grafana-url must be an http or https URL"],
    [["--grafana"], "Unknown option '--grafana'"],
    [["https://grafana"], "Unexpected argument 'https://grafana'"],
  ] as const) {
    const { status, stderr } = generate(...flags, "--out", "/dev/null/nowhere");
    assert.equal(status, 1);
    assert.ok(stderr.startsWith(why), stderr);
    assert.match(stderr, /usage: npm run generate/);
  }
});

test("what people change stands in settings.ts alone", () => {
  const src = join(root, "dashboards", "src");
  for (const name of readdirSync(src).filter((name) => name.endsWith(".ts") && !["settings.ts", "generate.test.ts"].includes(name))) {
    const found = readFileSync(join(src, name), "utf8").match(/\b(severity|for|keepFiringFor): "|["(\[]cluster, namespace|example\.com|localhost:9877/g);
    assert.deepEqual(found ?? [], [], name);
    // The steps of panels: 0 and 1 are none and some, and hundreds are classes of status codes.
    const steps = readFileSync(join(src, name), "utf8").match(/\[(?!0\.5|[1-5]00\b)\d[\d.]+, "(orange|red|green)"\]/g);
    assert.deepEqual(steps ?? [], [], name);
  }
});

test("--help says what there is", () => {
  const { status, stdout } = generate("--help");
  assert.equal(status, 0);
  assert.match(stdout, /--runbook-url/);
});
