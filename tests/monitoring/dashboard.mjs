// Two readings of the shipped dashboard: as a value of Grafana's published type of a dashboard, for the TypeScript compiler
// (an object literal may have no property the type does not know), and its queries as recording rules, for promtool.
//
//   node dashboard.mjs DASHBOARD TYPES FOLDER     writes FOLDER/dashboard.ts and FOLDER/queries.rules.yml

import { readFileSync, writeFileSync } from "node:fs";

const [file, types, folder] = process.argv.slice(2);
const dashboard = JSON.parse(readFileSync(file, "utf8"));
writeFileSync(
  `${folder}/dashboard.ts`,
  `import type { Dashboard } from ${JSON.stringify(types)};\nexport const dashboard: Dashboard = ${JSON.stringify(dashboard, null, 2)};\n`,
);

const queries = dashboard.panels.flatMap((panel) =>
  panel.targets.map((target) => ({ panel: panel.title, expr: target.expr.replaceAll("$__rate_interval", "5m") })),
);
if (queries.length === 0 || queries.some(({ expr }) => !expr)) {
  throw new Error("a panel without a query");
}
// JSON is YAML.
const rules = queries.map(({ panel, expr }, at) => ({ record: `query:${at}`, expr, labels: { panel } }));
writeFileSync(`${folder}/queries.rules.yml`, JSON.stringify({ groups: [{ name: "queries", rules }] }, null, 2));
console.log(`${dashboard.panels.length} panels, ${queries.length} queries`);
