/**
 * nginx with Lua: one worker, one script per call in Redis that checks and increments a counter, and kept-alive
 * connections on both sides. It reads no body and meters nothing: the fastest enforcement without knowledge of the
 * call.
 */
import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const MODULES = ['ndk_http_module', 'ngx_http_lua_module'].map((name) => `/usr/lib/nginx/modules/${name}.so`)
const CORE_LIBRARY = '/usr/share/lua/5.1/resty/core.lua'

export function hasNginxWithLua(): boolean {
  return [...MODULES, '/usr/sbin/nginx', CORE_LIBRARY].every((path) => existsSync(path))
}

const ACCESS = `
  local key = string.sub(ngx.var.http_authorization or 'nobody', -8)
  local socket = ngx.socket.tcp()
  if not socket:connect('127.0.0.1', tonumber(ngx.var.redis_port)) then return ngx.exit(503) end
  local parts = { 'EVALSHA', ngx.var.script_sha, '1', 'bench:' .. key, '900000000000000', '1' }
  local command = { '*' .. #parts .. '\\r\\n' }
  for _, part in ipairs(parts) do command[#command + 1] = '$' .. #part .. '\\r\\n' .. part .. '\\r\\n' end
  socket:send(command)
  local line = socket:receive('*l')
  socket:setkeepalive(60000, 256)
  if line == ':0' then return ngx.exit(402) end
  if line ~= ':1' then return ngx.exit(500) end
`

/** Writes a configuration and returns its path. */
export function nginxConfig(
  ports: { readonly origin: number; readonly listen: number; readonly redis: number },
  scriptSha: string,
): string {
  const dir = mkdtempSync(join(tmpdir(), 'tg-bench-nginx-'))
  mkdirSync(join(dir, 'temp'))
  const file = join(dir, 'nginx.conf')
  writeFileSync(
    file,
    `${MODULES.map((path) => `load_module ${path};`).join('\n')}
user root;
worker_processes 1;
daemon off;
pid ${dir}/nginx.pid;
error_log ${dir}/error.log warn;
events { worker_connections 16384; }
http {
  access_log off;
  client_body_temp_path ${dir}/temp; proxy_temp_path ${dir}/temp; fastcgi_temp_path ${dir}/temp; uwsgi_temp_path ${dir}/temp; scgi_temp_path ${dir}/temp;
  keepalive_requests 100000000;
  client_max_body_size 20m; client_body_buffer_size 1m;
  lua_package_path '/usr/share/lua/5.1/?.lua;;';
  upstream origin { server 127.0.0.1:${ports.origin}; keepalive 512; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:${ports.listen} backlog=16384;
    set $redis_port ${ports.redis};
    set $script_sha ${scriptSha};
    location / {
      access_by_lua_block {${ACCESS}}
      proxy_pass http://origin;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }
  }
}
`,
  )
  return file
}
