// The default export of a CommonJS module, because Grafana's .mjs files would otherwise get the module itself.
export { Scrollbars as default } from "./node_modules/react-custom-scrollbars-2/lib/index.js";
