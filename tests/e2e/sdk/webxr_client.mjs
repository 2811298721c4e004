// The shape of the vendor's WebXR SDK: each URL is given, and a token is kept until a 401, after which there is one more.
// node webxr_client.mjs AUTH_URL QUERY_URL MAP_DETAILS_URL COUNT [ORIGIN]   At least COUNT rounds, and until standard input ends.
// ORIGIN is of the page that the SDK would be in, which there the browser adds.
// At its end one line of JSON: {"calls":{…},"successes","failures":[{"status","text"}]}.

// A JPEG's first and last bytes; nobody looks at what is between.
const IMAGE = new Blob([new Uint8Array([0xff, 0xd8]), new Uint8Array(100_000), new Uint8Array([0xff, 0xd9])], { type: 'image/jpeg' });

class Client {
  constructor({ clientId, clientSecret, endpoints }) {
    Object.assign(this, { clientId, clientSecret, endpoints });
    this.calls = { authorize: 0, query: 0, map: 0 };
  }

  async authorize() {
    this.calls.authorize += 1;
    const answer = await fetch(this.endpoints.authUrl, {
      method: 'POST',
      headers: {
        ...ofThePage, Authorization: `Basic ${btoa(`${this.clientId}:${this.clientSecret}`)}`, 'Content-Type': 'application/json',
      },
      body: '{}',
    });
    if (!answer.ok) throw Object.assign(new Error(await answer.text()), { status: answer.status });
    const { token, access_token: other } = await answer.json();
    this.token = token ?? other;
    if (!this.token) throw new Error('an answer without a token');
  }

  async call(url, init = {}) {
    if (!this.token) await this.authorize();
    const once = () => fetch(url, { ...init, headers: { ...ofThePage, Authorization: `Bearer ${this.token}` } });
    let answer = await once();
    if (answer.status === 401) {
      await this.authorize();
      answer = await once();
    }
    const text = await answer.text();
    if (!answer.ok) throw Object.assign(new Error(text), { status: answer.status });
    return JSON.parse(text);
  }

  async localize(mapCode) {
    this.calls.query += 1;
    const form = new FormData();
    const fields = { fx: 900, fy: 900, px: 480, py: 270, width: 960, height: 540, isRightHanded: true, mapCode };
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    form.append('queryImage', IMAGE, 'frame.jpg');
    const pose = await this.call(this.endpoints.queryUrl, { method: 'POST', body: form });
    if (!pose.poseFound) throw new Error('no pose in the answer');
  }

  async mapDetails(mapCode) {
    this.calls.map += 1;
    const map = await this.call(`${this.endpoints.mapDetailsUrl}/${mapCode}`);
    if (map.code !== mapCode) throw new Error('another map than was asked for');
  }
}

const [authUrl, queryUrl, mapDetailsUrl, count, origin] = process.argv.slice(2);
const ofThePage = origin ? { Origin: origin } : {};
const client = new Client({ clientId: 'fob', clientSecret: 'fob', endpoints: { authUrl, queryUrl, mapDetailsUrl } });
const failures = [];
let [successes, over] = [0, false];
process.stdin.resume().on('end', () => { over = true; });
for (let round = 0; round < count || !over; ++round) {
  for (const act of [() => client.localize('hall-1'), () => client.mapDetails('hall-1')]) {
    try {
      await act();
      successes += 1;
    } catch (error) {
      failures.push({ status: error.status ?? 0, text: error.message });
    }
  }
  await new Promise(next => setTimeout(next, 50));  // an app localizes some times a second
}
console.log(JSON.stringify({ calls: client.calls, successes, failures }));
