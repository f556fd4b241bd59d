// openai-node's Responses through the gateway: natively, and to a vendor that speaks another dialect.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import OpenAI from 'openai';
import { UPSTREAMS, openai, parameters } from './gateway.js';

const weather = {
  type: 'function', name: 'get_weather', description: 'A tool.', strict: true,
  parameters: { ...parameters, additionalProperties: false },
};
const { responses } = openai();

// `simulated` speaks Chat Completions alone.
for (const upstream of [...UPSTREAMS, 'simulated']) {
  test(`${upstream}: an answer`, async () => {
    const { data, response } = await responses.create({ model: `${upstream}/echo`, input: 'Hello, Weir' }).withResponse();
    assert.equal(data.output_text, 'Hello, Weir');
    assert.deepEqual([data.status, data.model], ['completed', `${upstream}/echo`]);
    assert.equal(data.usage.total_tokens, data.usage.input_tokens + data.usage.output_tokens);
    assert.equal(response.headers.get('x-weir-target'), `${upstream}/echo`);
  });

  test(`${upstream}: a stream`, async () => {
    const stream = responses.stream({ model: `${upstream}/unicode`, input: 'Hello' });
    let text = '';
    stream.on('response.output_text.delta', (event) => { text += event.delta; });
    const whole = await stream.finalResponse();
    assert.match(text, /^Grüße, 你好 👩‍🚀 🇪🇺 .*line\u2028sep para\u2029sep .*𐍈 end$/su);
    assert.equal(whole.output_text, text);
    assert.ok(whole.usage.output_tokens > 5);
  });

  test(`${upstream}: a streamed tool loop`, async () => {
    const ask = { model: `${upstream}/tools`, tools: [weather] };
    const input = [{ role: 'user', content: 'Weather?' }];
    const first = await responses.stream({ ...ask, input }).finalResponse();
    const [call] = first.output;
    assert.deepEqual([call.type, call.name], ['function_call', 'get_weather']);
    assert.deepEqual(JSON.parse(call.arguments), { city: 'sample', days: 1 });
    // The SDK's own `parsed_arguments` is no field of the API.
    const { parsed_arguments, ...called } = call;
    input.push(called, { type: 'function_call_output', call_id: call.call_id, output: '12 degrees' });
    const second = await responses.create({ ...ask, input });
    assert.equal(second.output_text, '12 degrees');
  });

  test(`${upstream}: failures`, async () => {
    const limited = responses.create({ model: `${upstream}/fail+status=429`, input: 'Hello' });
    await assert.rejects(limited, OpenAI.RateLimitError);
    const broken = async () => {
      const stream = await responses.create({ model: `${upstream}/lorem+cut+at=8`, input: 'Hello', stream: true });
      for await (const event of stream) assert.notEqual(event.type, 'response.completed');
    };
    await assert.rejects(broken, OpenAI.APIError);
  });

  test(`${upstream}: what is stored`, async () => {
    const model = `${upstream}/echo`;
    const first = await responses.create({ model, input: `one at ${upstream}` });
    const second = await responses.create({ model, input: `two at ${upstream}`, previous_response_id: first.id });
    assert.equal(second.output_text, `two at ${upstream}`);
    assert.equal((await responses.retrieve(second.id)).output_text, second.output_text);
    const said = [];
    for await (const item of responses.inputItems.list(second.id, { order: 'desc', limit: 1 })) said.push(item);
    assert.equal(said[0].content[0].text, `two at ${upstream}`);
    await responses.delete(second.id);
    await assert.rejects(responses.retrieve(second.id), OpenAI.NotFoundError);
  });
}
