// Prints an access token from fob, with Node's own modules alone. Usage: node token.mjs [PROFILE]
import { once } from 'node:events';
import http from 'node:http';
import { json } from 'node:stream/consumers';

async function fobToken(profile) {
  const socketPath = process.env.FOB_SOCKET ?? '/run/fob/fob.sock';
  const path = '/v1/token' + (profile ? '?' + new URLSearchParams({ profile }) : '');
  const request = http.get({ socketPath, path, signal: AbortSignal.timeout(15_000) });
  const [response] = await once(request, 'response');
  const answer = await json(response);
  if (response.statusCode !== 200) throw new Error(answer.detail);
  return answer.access_token;
}

try {
  console.log(await fobToken(process.argv[2]));
} catch (error) {
  console.error(`fob: ${error.message}`);
  process.exitCode = 1;
}
