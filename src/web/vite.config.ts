import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

export default defineConfig({
  root: import.meta.dirname,
  plugins: [react()],
  build: {
    outDir: '../../dist/web',
    emptyOutDir: true,
    // The page's Content-Security-Policy allows only files of its own origin, so neither data nor scripts are inlined.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: 'es2022',
    reportCompressedSize: false,
    license: { fileName: 'licenses.md' },
  },
  // In development the API has the same origin, as in production; `npm start` runs it.
  server: { proxy: { '/v1': 'http://127.0.0.1:8081', '/openapi.json': 'http://127.0.0.1:8081' } },
})
