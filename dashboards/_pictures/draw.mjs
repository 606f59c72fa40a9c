// node draw.mjs PROMETHEUS OUT: draws both dashboards in both themes into the folder OUT. From the environment:
// SECONDS_SHOWN, STEP and SCRAPE (in seconds), WHOLE=1 for all of the page, WIDTH (in pixels), JOB (a regular expression),
// THEMES (dark,light), CHROMIUM.
import { mkdtempSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import esbuild from "esbuild";
import { chromium } from "playwright-core";

const [prometheus, out] = process.argv.slice(2);
const seconds = process.env.SECONDS_SHOWN ?? "3600";
const step = process.env.STEP ?? "60";
const scrape = process.env.SCRAPE ?? "15";
const width = Number(process.env.WIDTH ?? "1500");
const themes = (process.env.THEMES ?? "dark,light").split(",");
const job = process.env.JOB ?? ".*omegastream";

const bundle = await esbuild.build({
  entryPoints: ["page.jsx"], bundle: true, write: false, outdir: "out", format: "esm", minify: !process.env.DEBUG, logLevel: "error",
  loader: { ".svg": "dataurl", ".woff": "dataurl", ".woff2": "dataurl", ".ttf": "dataurl", ".png": "dataurl" },
  alias: { "react-custom-scrollbars-2": "./scrollbars.js" },
  define: { "process.env.NODE_ENV": process.env.DEBUG ? '"development"' : '"production"', global: "window" }, jsx: "transform",
});
const file = (end) => bundle.outputFiles.find((f) => f.path.endsWith(end))?.contents ?? Buffer.from("");
const page = `<!doctype html><link rel=stylesheet href=/page.css><div id=root></div><script type=module src=/page.js></script>`;

const server = createServer(async (req, res) => {
  const path = new URL(req.url, "http://x").pathname;
  try {
    if (path.startsWith("/prom/")) {
      const chunks = [];
      for await (const c of req) chunks.push(c);
      const answer = await fetch(prometheus + path.slice(5), { method: "POST", body: Buffer.concat(chunks), headers: { "content-type": "application/x-www-form-urlencoded" } });
      res.end(await answer.text());
    } else if (path.startsWith("/dashboards/")) res.end(readFileSync(join("..", path.slice(12))));
    else if (path === "/page.js") res.setHeader("content-type", "text/javascript").end(file(".js"));
    else if (path === "/page.css") res.setHeader("content-type", "text/css").end(file(".css"));
    // Icons are not part of @grafana/ui.
    else if (path.endsWith(".svg")) res.setHeader("content-type", "image/svg+xml").end('<svg xmlns="http://www.w3.org/2000/svg"/>');
    else if (path === "/") res.setHeader("content-type", "text/html").end(page);
    else if (path.startsWith("/public/fonts/") || path === "/favicon.ico") res.end(); // the page brings its own
    else res.writeHead(404).end();
  } catch (e) {
    res.writeHead(500).end(String(e));
  }
}).listen(0, "127.0.0.1");
await new Promise((r) => server.once("listening", r));
const base = `http://127.0.0.1:${server.address().port}`;

const browser = await chromium.launchPersistentContext(mkdtempSync(join(tmpdir(), "pictures-")), {
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", headless: true, viewport: { width, height: 900 },
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
let failed = false;
for (const dashboard of ["webhook-deliveries", "omegastream-exporter"]) {
  for (const theme of themes) {
    const tab = await browser.newPage();
    tab.on("console", (m) => m.type() === "error" && console.error(dashboard, theme, m.text()));
    tab.on("pageerror", (e) => { failed = true; console.error(dashboard, theme, e.message); });
    await tab.goto(`${base}/?${new URLSearchParams({ dashboard, theme, seconds, step, scrape, width, job })}`);
    await tab.waitForFunction(() => document.querySelector("[data-panel]") && !document.querySelector("[data-ready=false]"), null, { timeout: 300000 });
    await tab.waitForTimeout(1500);
    // The dark picture of deliveries is for the README, where it must be short, so it ends before the latency.
    const height = await tab.evaluate((whole) => {
      const rows = [...document.querySelectorAll("#root > div > div")];
      return (!whole && rows.find((r) => r.textContent.startsWith("Delivery latency"))?.offsetTop) || document.body.scrollHeight;
    }, theme === "light" || Boolean(process.env.WHOLE));
    await tab.screenshot({ path: join(out, `${dashboard}-${theme}.png`), fullPage: true, clip: { x: 0, y: 0, width, height } });
    await tab.close();
  }
}
await browser.close();
server.close();
process.exit(failed ? 1 : 0);
