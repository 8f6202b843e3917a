import { defineConfig } from "vite";

// The build hook names the folder (it builds beside the old one and swaps them); by hand it is the package's.
const outDir = process.env["YIPAN_DIST"] ?? "../src/yipan/web/static/dist";

export default defineConfig({
  base: "./",
  build: {
    outDir,
    emptyOutDir: true,
    manifest: "manifest.json",
    modulePreload: { polyfill: false },
    sourcemap: false,
    target: "es2022",
    rolldownOptions: {
      input: ["src/shell.ts", "src/inbox.ts", "src/pictures.ts", "src/field.ts", "css/yipan.css", "css/field.css"],
      output: {
        entryFileNames: "[name]-[hash].js",
        chunkFileNames: "[name]-[hash].js",
        assetFileNames: "[name]-[hash][extname]",
      },
    },
  },
});
