// openai-node through the gateway, to a vendor of each dialect.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import OpenAI from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import { UPSTREAMS, forget, openai, parameters, received, until } from './gateway.js';

const ask = (content = 'Hello, Weir') => [{ role: 'user', content }];
const weather = { type: 'function', function: { name: 'get_weather', description: 'A tool.', parameters } };
const now = { type: 'function', function: { name: 'now', parameters: { type: 'object', properties: {} } } };
const client = openai();
const chat = client.chat.completions;

for (const upstream of UPSTREAMS) {
  test(`${upstream}: an answer`, async () => {
    const { data, response } = await chat.create({ model: `${upstream}/echo`, messages: ask() }).withResponse();
    assert.equal(data.choices[0].message.content, 'Hello, Weir');
    assert.equal(data.choices[0].finish_reason, 'stop');
    assert.equal(data.model, `${upstream}/echo`);
    assert.equal(data.usage.total_tokens, data.usage.prompt_tokens + data.usage.completion_tokens);
    assert.equal(response.headers.get('x-weir-target'), `${upstream}/echo`);
  });

  test(`${upstream}: a stream`, async () => {
    const stream = await chat.create({
      model: `${upstream}/unicode`, messages: ask(), stream: true, stream_options: { include_usage: true },
    });
    let text = '';
    let usage;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? '';
      usage = chunk.usage ?? usage;
    }
    assert.match(text, /^Grüße, 你好 👩‍🚀 🇪🇺 .*line\u2028sep para\u2029sep .*𐍈 end$/su);
    assert.ok(usage.completion_tokens > 5);
  });

  test(`${upstream}: a stream with a summary`, async () => {
    const stream = await chat.create(
      { model: `${upstream}/echo`, messages: ask(), stream: true }, { headers: { 'x-weir-summary': '1' } },
    );
    let text = '';
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
    assert.equal(text, 'Hello, Weir');
  });

  test(`${upstream}: a streamed tool loop with parallel calls`, async () => {
    const messages = ask('Both, please');
    const tools = [weather, now];
    const stream = chat.stream({ model: `${upstream}/tools+calls=2`, messages, tools });
    const pieces = [];
    stream.on('tool_calls.function.arguments.delta', (event) => pieces.push(event.arguments_delta));
    const first = (await stream.finalChatCompletion()).choices[0];
    assert.equal(first.finish_reason, 'tool_calls');
    assert.ok(pieces.length > 2);
    const calls = first.message.tool_calls;
    assert.deepEqual(calls.map((call) => call.function.name), ['get_weather', 'now']);
    assert.deepEqual(JSON.parse(calls[0].function.arguments), { city: 'sample', days: 1 });
    assert.deepEqual(JSON.parse(calls[1].function.arguments), {});
    const tool_calls = calls.map(({ id, type, function: { name, arguments: text } }) => ({
      id, type, function: { name, arguments: text },
    }));
    messages.push({ role: 'assistant', content: null, tool_calls });
    calls.forEach((call, n) => messages.push({ role: 'tool', tool_call_id: call.id, content: `result ${n}` }));
    const second = await chat.create({ model: `${upstream}/tools+calls=2`, messages, tools });
    assert.equal(second.choices[0].message.content, 'result 1');
  });

  test(`${upstream}: the SDK's own tool loop`, async () => {
    const runner = chat.runTools({
      model: `${upstream}/tools`,
      messages: ask('Weather?'),
      tools: [{ ...weather, function: { ...weather.function, parse: JSON.parse, function: ({ city }) => `12 degrees in ${city}` } }],
    });
    assert.equal(await runner.finalContent(), '12 degrees in sample');
  });

  test(`${upstream}: structured outputs`, async () => {
    const Person = z.object({ name: z.string(), age: z.number().int() });
    const messages = ask('{"name":"sample","age":1}');
    const model = upstream === 'openai' ? 'openai/gpt-4.1-mini' : 'anthropic/claude-sonnet-4-5';
    const answer = await chat.parse({ model, messages, response_format: zodResponseFormat(Person, 'person') });
    assert.deepEqual(answer.choices[0].message.parsed, { name: 'sample', age: 1 });
  });

  test(`${upstream}: images, system messages, stop and limits`, async () => {
    const messages = [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: [{ type: 'image_url', image_url: { url: 'https://example.com/a.png' } }, { type: 'text', text: 'one two three' }] },
    ];
    const stopped = await chat.create({ model: `${upstream}/echo`, messages, stop: ['two'] });
    assert.equal(stopped.choices[0].message.content.trim(), 'one');
    const cut = await chat.create({ model: `${upstream}/echo`, messages, max_completion_tokens: 2 });
    assert.equal(cut.choices[0].finish_reason, 'length');
  });

  test(`${upstream}: error classes and retries`, async () => {
    const classes = [
      [400, OpenAI.BadRequestError, 400], [401, OpenAI.InternalServerError, 502], [404, OpenAI.NotFoundError, 404],
      [422, OpenAI.UnprocessableEntityError, 422], [429, OpenAI.RateLimitError, 429], [500, OpenAI.InternalServerError, 500],
    ];
    for (const [status, kind, expected] of classes) {
      for (const stream of [false, true]) {
        const call = chat.create({ model: `${upstream}/fail+status=${status}`, messages: ask(), stream });
        await assert.rejects(call, (error) => error instanceof kind && error.status === expected && error.message.length > 4);
      }
    }
    await forget();
    const patient = openai({ maxRetries: 2 });
    await assert.rejects(patient.chat.completions.create({ model: `${upstream}/fail+status=503`, messages: ask() }));
    assert.equal((await received()).length, 3);
  });

  test(`${upstream}: a stream that breaks`, async () => {
    for (const fault of ['lorem+error+at=9', 'lorem+cut+at=9', 'reset+at=9']) {
      const stream = await chat.create({ model: `${upstream}/${fault}`, messages: ask(), stream: true });
      let text = '';
      await assert.rejects(async () => {
        for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
      }, (error) => error instanceof OpenAI.APIError && !(error instanceof OpenAI.APIConnectionError));
      assert.match(text, /^Lorem ipsum/);
    }
  });

  test(`${upstream}: a client that leaves`, async () => {
    await forget();
    const stream = await chat.create({ model: `${upstream}/lorem+gap_ms=50+chunks=1000`, messages: ask(), stream: true });
    for await (const _ of stream) break;
    await until(async () => (await received())[0].cancelled, 'the vendor is told');
  });
}

test('thinking of Anthropic survives a tool loop', async () => {
  const request = { model: 'anthropic/thinking+calls=1', tools: [weather], reasoning_effort: 'low' };
  const messages = ask('Why?');
  const { message } = (await chat.create({ ...request, messages })).choices[0];
  assert.match(message.reasoning_content, /Why\?/);
  messages.push(message, { role: 'tool', tool_call_id: message.tool_calls[0].id, content: 'because' });
  const second = await chat.create({ ...request, messages });
  assert.equal(second.choices[0].message.content, 'because');
  const sent = (await received()).at(-1).json;
  assert.equal(sent.messages[1].content[0].signature.length, 44);
  assert.match(message.reasoning_details[0].signature, /^weir1sig/);
});

test('embeddings, completions, models', async () => {
  const embedded = await client.embeddings.create({ model: 'openai/embed', input: ['one', 'two'], dimensions: 8 });
  assert.deepEqual(embedded.data.map((entry) => entry.embedding.length), [8, 8]);
  const completed = await client.completions.create({ model: 'openai/echo', prompt: 'Once upon a time', max_tokens: 3 });
  assert.equal(completed.choices[0].text, 'Once upon a');
  const ids = [];
  for await (const model of client.models.list()) ids.push(model.id);
  assert.ok(ids.includes('friend') && ids.includes('openai/echo'));
  assert.equal((await client.models.retrieve('openai/echo')).id, 'openai/echo');
});

test('keys', async () => {
  const stranger = openai({ apiKey: 'sk-weir-nobody-has-this-key' });
  await assert.rejects(stranger.chat.completions.create({ model: 'openai/echo', messages: ask() }), OpenAI.AuthenticationError);
});

test('a large request hears why it is refused', async () => {
  const request = (bytes) => ({ model: 'openai/echo', messages: ask('x'.repeat(bytes)) });
  const stranger = openai({ apiKey: 'sk-weir-nobody-has-this-key' });
  for (let n = 0; n < 5; n += 1) {
    await assert.rejects(stranger.chat.completions.create(request(3 << 20)), OpenAI.AuthenticationError);
    await assert.rejects(chat.create(request(33 << 20)), (error) => error.status === 413);
  }
});
