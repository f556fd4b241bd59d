// @anthropic-ai/sdk through the gateway, to a vendor of each dialect.

import Anthropic from '@anthropic-ai/sdk';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UPSTREAMS, anthropic, forget, parameters, received } from './gateway.js';

const ask = (content = 'Hello, Weir') => ({ max_tokens: 1024, messages: [{ role: 'user', content }] });
const weather = { name: 'get_weather', description: 'A tool.', input_schema: parameters };
const now = { name: 'now', input_schema: { type: 'object', properties: {} } };
const client = anthropic();
const text = (message) => message.content.filter((block) => block.type === 'text').map((block) => block.text).join('');

for (const upstream of UPSTREAMS) {
  test(`${upstream}: an answer`, async () => {
    const message = await client.messages.create({ model: `${upstream}/echo`, system: 'Be brief.', ...ask() });
    assert.equal(text(message), 'Hello, Weir');
    assert.equal(message.stop_reason, 'end_turn');
    assert.equal(message.model, `${upstream}/echo`);
    assert.ok(message.usage.input_tokens > 0);
  });

  test(`${upstream}: a stream`, async () => {
    const stream = client.messages.stream({ model: `${upstream}/unicode`, ...ask() });
    let pieces = 0;
    stream.on('text', () => { pieces += 1; });
    const message = await stream.finalMessage();
    assert.match(text(message), /line\u2028sep para\u2029sep .*𐍈 end$/su);
    assert.ok(pieces > 5);
  });

  test(`${upstream}: a stream with a summary`, async () => {
    const stream = client.messages.stream(
      { model: `${upstream}/echo`, ...ask() }, { headers: { 'x-weir-summary': '1' } },
    );
    const message = await stream.finalMessage();
    assert.equal(message.content[0].text, 'Hello, Weir');
    assert.equal(message.stop_reason, 'end_turn');
  });

  test(`${upstream}: a streamed tool loop with parallel calls`, async () => {
    const request = { model: `${upstream}/tools+calls=2`, max_tokens: 1024, tools: [weather, now] };
    const messages = [{ role: 'user', content: 'Both, please' }];
    const first = await client.messages.stream({ ...request, messages }).finalMessage();
    assert.equal(first.stop_reason, 'tool_use');
    assert.deepEqual(first.content.map(({ name, input }) => [name, input]), [['get_weather', { city: 'sample', days: 1 }], ['now', {}]]);
    const results = first.content.map(({ id }, n) => ({ type: 'tool_result', tool_use_id: id, content: `result ${n}` }));
    messages.push({ role: 'assistant', content: first.content }, { role: 'user', content: results });
    assert.equal(text(await client.messages.create({ ...request, messages })), 'result 1');
  });

  test(`${upstream}: thinking across turns`, async () => {
    const request = {
      model: `${upstream}/thinking+calls=1`, max_tokens: 4096, tools: [weather], thinking: { type: 'enabled', budget_tokens: 2048 },
    };
    const messages = [{ role: 'user', content: 'Why?' }];
    const first = await client.messages.stream({ ...request, messages }).finalMessage();
    assert.deepEqual(first.content.map((block) => block.type), ['thinking', 'tool_use']);
    const result = { type: 'tool_result', tool_use_id: first.content[1].id, content: 'because' };
    messages.push({ role: 'assistant', content: first.content }, { role: 'user', content: [result] });
    assert.equal(text(await client.messages.create({ ...request, messages })), 'because');
  });

  test(`${upstream}: cache marks and cached tokens`, async () => {
    const content = [{ type: 'text', text: 'Long', cache_control: { type: 'ephemeral' } }, { type: 'text', text: 'Hi' }];
    const { usage } = await client.messages.create({ model: `${upstream}/echo+in=100+cached=40`, ...ask(content) });
    assert.deepEqual([usage.input_tokens, usage.cache_read_input_tokens], [60, 40]);
  });

  test(`${upstream}: error classes and retries`, async () => {
    const classes = [
      [400, Anthropic.BadRequestError, 400], [401, Anthropic.InternalServerError, 502], [404, Anthropic.NotFoundError, 404],
      [429, Anthropic.RateLimitError, 429], [500, Anthropic.InternalServerError, 500],
    ];
    for (const [status, kind, expected] of classes) {
      for (const stream of [false, true]) {
        const call = client.messages.create({ model: `${upstream}/fail+status=${status}`, stream, ...ask() });
        await assert.rejects(call, (error) => error instanceof kind && error.status === expected);
      }
    }
    await forget();
    const patient = anthropic({ maxRetries: 2 });
    await assert.rejects(patient.messages.create({ model: `${upstream}/fail+status=529`, ...ask() }));
    assert.equal((await received()).length, 3);
  });

  test(`${upstream}: a stream that breaks`, async () => {
    for (const fault of ['lorem+error+at=9', 'lorem+cut+at=9', 'reset+at=9']) {
      const stream = client.messages.stream({ model: `${upstream}/${fault}`, ...ask() });
      let seen = '';
      stream.on('text', (piece) => { seen += piece; });
      await assert.rejects(stream.finalMessage(), Anthropic.APIError);
      assert.match(seen, /^Lorem ipsum/);
    }
  });

  test(`${upstream}: counting tokens`, async () => {
    const { messages } = ask('one two three');
    const counted = await client.messages.countTokens({ model: `${upstream}/echo`, messages });
    assert.ok(counted.input_tokens > 0);
  });
}

test('models and keys', async () => {
  const ids = [];
  for await (const model of client.models.list()) ids.push(model.id);
  assert.ok(ids.includes('claude') && new Set(ids).size === ids.length);
  assert.equal((await client.models.retrieve('claude')).id, 'claude');
  const stranger = anthropic({ apiKey: 'sk-weir-nobody-has-this-key' });
  await assert.rejects(stranger.messages.create({ model: 'claude', ...ask() }), Anthropic.AuthenticationError);
});

test('a large request hears why it is refused', async () => {
  const request = (bytes) => ({ model: 'anthropic/echo', ...ask('x'.repeat(bytes)) });
  const stranger = anthropic({ apiKey: 'sk-weir-nobody-has-this-key' });
  for (let n = 0; n < 5; n += 1) {
    await assert.rejects(stranger.messages.create(request(3 << 20)), Anthropic.AuthenticationError);
    await assert.rejects(client.messages.create(request(33 << 20)), (error) => error.status === 413);
  }
});
