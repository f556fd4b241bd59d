// Vercel's AI SDK through the gateway: each of its clients, with every vendor.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogleGenerativeAI } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import { Output, generateText, stepCountIs, streamText, tool } from 'ai';
import { z } from 'zod';
import { received, forget, site } from './gateway.js';

const { url, key: apiKey } = site;
const openai = createOpenAI({ baseURL: `${url}/v1`, apiKey });
const CLIENTS = {
  'chat completions': openai.chat,
  responses: openai.responses,
  messages: createAnthropic({ baseURL: `${url}/v1`, apiKey }),
  generateContent: createGoogleGenerativeAI({ baseURL: `${url}/v1beta`, apiKey }),
};
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const Trip = z.object({ city: z.string(), days: z.number().int() });
const weather = tool({
  description: 'The weather of a city for some days.',
  inputSchema: Trip,
  execute: ({ city, days }) => `${days} dry days in ${city}`,
});
// What is not stored is sent back whole, reasoning included.
const providerOptions = { openai: { store: false, include: ['reasoning.encrypted_content'] } };
const once = { maxRetries: 0, providerOptions };

for (const [name, client] of Object.entries(CLIENTS)) {
  for (const vendor of ['openai', 'anthropic', 'google']) {
    const model = (behaviour) => client(`${vendor}/${behaviour}`);
    const title = (what) => `${name} to ${vendor}: ${what}`;

    test(title('an answer'), async () => {
      const { text, usage, finishReason } = await generateText({
        model: model('echo'), system: 'Be brief.', prompt: 'Hello, Weir', ...once,
      });
      assert.deepEqual([text, finishReason], ['Hello, Weir', 'stop']);
      assert.ok(usage.inputTokens > 0 && usage.outputTokens > 0);
    });

    test(title('a stream'), async () => {
      const stream = streamText({ model: model('unicode'), prompt: 'Hello', ...once });
      const parts = [];
      for await (const part of stream.textStream) parts.push(part);
      assert.ok(parts.length > 3);
      assert.match(parts.join(''), /line\u2028sep para\u2029sep .*𐍈 end$/su);
      assert.ok((await stream.usage).outputTokens > 5);
    });

    for (const behaviour of ['tools', 'tools+calls=3', 'thinking+calls=2']) {
      for (const stream of [false, true]) {
        test(title(`${behaviour}, ${stream ? 'streamed' : 'whole'}`), async () => {
          const ask = {
            model: model(behaviour), tools: { weather }, prompt: 'Weather?', stopWhen: stepCountIs(3), ...once,
          };
          const done = stream ? streamText(ask) : await generateText(ask);
          const steps = await done.steps;
          assert.equal(steps.length, 2);
          assert.match(await done.text, /1 dry days in sample/);
        });
      }
    }

    test(title('a shape'), async () => {
      const output = Output.object({ schema: Trip });
      const done = await generateText({ model: model('json'), output, prompt: 'A trip', ...once });
      assert.equal(done.output.city, 'sample');
    });

    test(title('a picture'), async () => {
      await forget();
      const content = [{ type: 'text', text: 'What is it?' }, { type: 'image', image: PNG }];
      const { text } = await generateText({ model: model('echo'), messages: [{ role: 'user', content }], ...once });
      assert.equal(text, 'What is it?');
      assert.ok((await received()).at(-1).body.includes(PNG));
    });

    test(title('failures'), async () => {
      const limited = generateText({ model: model('fail+status=429'), prompt: 'Hello', ...once });
      await assert.rejects(limited, (error) => error.statusCode === 429 && error.isRetryable);
      const errors = [];
      const onError = ({ error }) => errors.push(error);
      const broken = streamText({ model: model('lorem+cut+at=8'), prompt: 'Hello', onError, ...once });
      await broken.consumeStream({ onError: () => {} });
      assert.ok(errors.length > 0, 'a cut stream is an error');
    });
  }
}
