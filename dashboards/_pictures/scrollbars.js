// The default export of a CommonJS module, which Grafana's .mjs files would take for the module itself.
export { Scrollbars as default } from "./node_modules/react-custom-scrollbars-2/lib/index.js";
