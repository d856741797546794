// rings.as.ts, compiled (module.js).
declare const module: WebAssembly.Module;
export default module;
