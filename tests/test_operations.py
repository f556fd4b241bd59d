"""The operations beside chat, with the vendors' own SDKs: pictures, sound, moderation, and what vendors
keep (files, batches, jobs, vector stores, uploads, films); and a provider's whole API, untouched."""

import io
import json
import struct
import wave

import anthropic
import openai
import pytest
import requests

from conftest import KEY, anthropic_on, openai_on
from harness import fetch, until
from test_ledger import id_of

OTHER, NARROW = "sk-weir-for-the-tests-0003", "sk-weir-for-the-tests-0004"
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 64

CONFIG = """
server: { listen: "{listen}", admin_listen: "{admin}", max_body: 2MiB, max_upload: 8MiB, workers: 2 }
store: { database: "sqlite:{folder}/weir.db" }
log: { level: debug, format: json }
providers:
  openai:
    api_key: sk-openai-upstream
    base_url: MIMIC/v1
    pass_through: true
    models:
      gpt-image-1: { price: { input_usd_per_mtok: 5, output_usd_per_mtok: 40 } }
      dall-e-3: { price: { input_usd_per_mtok: 0, output_usd_per_mtok: 0, image_usd: 0.04 } }
      echo: { price: &price { input_usd_per_mtok: 1, output_usd_per_mtok: 2 } }
  anthropic:
    api_key: sk-anthropic-upstream
    base_url: MIMIC
    models: { echo: { price: *price } }
  closed: { kind: openai-compatible, api_key: sk-x, base_url: MIMIC/v1 }
  v1: { kind: openai-compatible, api_key: sk-x, base_url: MIMIC/v1, pass_through: true }
  badkey: { kind: openai-compatible, api_key: sk-bad, base_url: MIMIC/v1, pass_through: true }
keys:
  - { name: tests, value: KEY }
  - { name: other, value: OTHER }
  - { name: narrow, value: NARROW, models: [ears, "openai/gpt-*"] }
models:
  painter: { targets: [ { target: openai/gpt-image-1 } ] }
  ears: { targets: [ { target: closed/fail } ], fallbacks: [openai/whisper-1], retry: { max_retries: 0 } }
  friend: { targets: [ { target: openai/echo } ] }
  claude: { targets: [ { target: anthropic/echo } ] }
"""


def sound(seconds=0.5):
    """A WAV of silence."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(struct.pack("<h", 0) * int(8000 * seconds))
    return out.getvalue()


@pytest.fixture
def weir(gateway):
    return gateway(CONFIG.replace("OTHER", OTHER).replace("NARROW", NARROW))


@pytest.fixture
def client(weir):
    with openai_on(weir) as client:
        yield client


@pytest.fixture
def claude(weir):
    with anthropic_on(weir) as client:
        yield client


def row_of(weir, raw):
    return weir.row(id_of(raw))


# Pictures.


def test_pictures_are_billed_by_their_tokens(client, weir, mimic):
    raw = client.images.with_raw_response.generate(model="painter", prompt="a weir", n=2)
    assert len(raw.parse().data) == 2 and raw.parse().usage.output_tokens == 20
    assert mimic.sent() == {"model": "gpt-image-1", "prompt": "a weir", "n": 2}
    row = row_of(weir, raw)
    assert (row["operation"], row["model"], row["target"]) == ("image_generation", "painter", "openai/gpt-image-1")
    assert (row["input_tokens"], row["output_tokens"], row["images"], row["estimated"]) == (10, 20, 2, 0)
    assert row["cost_nano_usd"] == 10 * 5_000 + 20 * 40_000 == round(float(raw.headers["x-weir-cost-usd"]) * 1e9)


def test_pictures_are_billed_apiece_or_not_at_all(client, weir):
    raw = client.images.with_raw_response.generate(model="openai/dall-e-3", prompt="x", n=3)
    row = row_of(weir, raw)
    assert (row["images"], row["cost_nano_usd"]) == (3, 120_000_000)
    raw = client.images.with_raw_response.generate(model="closed/gpt-image-9", prompt="x")
    row = row_of(weir, raw)
    assert row["cost_nano_usd"] is None and not row["priced"] and "x-weir-cost-usd" not in raw.headers


def test_partial_pictures_stream(client, weir):
    raw = client.images.with_raw_response.generate(model="painter", prompt="x", stream=True, partial_images=1)
    kinds = [event.type for event in raw.parse()]
    assert kinds == ["image_generation.partial_image", "image_generation.completed"]
    row = row_of(weir, raw)
    assert (row["outcome"], row["stream"], row["images"], row["output_tokens"]) == ("ok", 1, 1, 20)


def test_pictures_are_edited(client, weir, mimic):
    raw = client.images.with_raw_response.edit(model="painter", image=("a.png", PNG), prompt="more water")
    assert raw.parse().data[0].b64_json
    row = row_of(weir, raw)
    assert (row["operation"], row["images"], row["model"]) == ("image_edit", 1, "painter")
    stream = client.images.edit(model="painter", image=[PNG, PNG], prompt="x", stream=True)
    assert [event.type for event in stream][-1] == "image_edit.completed"
    with pytest.warns(DeprecationWarning):
        assert client.images.create_variation(model="openai/dall-e-3", image=PNG).data
    with pytest.raises(openai.BadRequestError, match="Invalid image"):
        client.images.edit(model="painter", image=b"GIF", prompt="x")


# Sound.


def test_speech_comes_as_it_is(client, weir):
    with client.audio.speech.with_streaming_response.create(model="tts-1", voice="alloy", input="grüße") as raw:
        assert raw.headers["content-type"] == "audio/mpeg"
        assert raw.read() == b"ID3\xff\xfbdata: not an event\n\n\x00\xc3\x28"
    row = row_of(weir, raw)
    assert (row["operation"], row["characters"], row["outcome"]) == ("speech", 5, "ok")
    assert row["cost_nano_usd"] == 5 * 15_000


def test_speech_as_events(client, weir):
    arguments = {"model": "openai/gpt-4o-mini-tts", "voice": "alloy", "input": "hi", "stream_format": "sse"}
    with client.audio.speech.with_streaming_response.create(**arguments) as raw:
        assert raw.read().count(b"speech.audio.delta") == 4
    row = row_of(weir, raw)
    assert (row["input_tokens"], row["output_tokens"]) == (5, 50) and row["priced"]


@pytest.mark.parametrize("cut", ["cut"])
def test_broken_sound_is_not_whole(client, weir, cut):
    with pytest.raises(openai.APIConnectionError):
        client.audio.speech.create(model=f"closed/{cut}", voice="alloy", input="hi")
    row = until(lambda: weir.rows("operation = 'speech'"), "a row")[0]
    assert row["outcome"] == "cut"


def test_transcripts_fall_back_and_are_billed_by_length(client, weir, mimic):
    raw = client.audio.transcriptions.with_raw_response.create(model="ears", file=("a.wav", sound(1.5)))
    assert raw.parse().text == "Hello" and raw.headers["x-weir-attempts"] == "2"
    row = row_of(weir, raw)
    assert (row["target"], row["audio_ms"], row["cost_nano_usd"]) == ("openai/whisper-1", 1500, 150_000)
    sent = [request["body"].count('name="model"') for request in mimic.requests()]
    assert sent == [1, 1] and "whisper-1" in mimic.last()["body"]


@pytest.mark.parametrize("kind", ["text", "srt", "vtt"])
def test_transcripts_in_other_formats(client, weir, kind):
    arguments = {"model": "whisper-1", "file": ("a.wav", sound()), "response_format": kind}
    raw = client.audio.transcriptions.with_raw_response.create(**arguments)
    assert "Hello" in raw.text
    row = row_of(weir, raw)
    # Nobody says how long the sound was, so nobody knows the price.
    assert row["cost_nano_usd"] is None and row["status"] == 200


def test_transcripts_by_tokens_and_streamed(client, weir):
    arguments = {"model": "openai/gpt-4o-transcribe", "file": ("a.wav", sound())}
    raw = client.audio.transcriptions.with_raw_response.create(**arguments)
    row = row_of(weir, raw)
    assert (row["input_tokens"], row["input_audio_tokens"], row["audio_ms"]) == (12, 12, 0) and row["priced"]
    stream = client.audio.transcriptions.create(**arguments, stream=True)
    assert [event.type for event in stream] == ["transcript.text.delta", "transcript.text.done"]
    with pytest.warns(DeprecationWarning):
        raw = client.audio.translations.with_raw_response.create(
            model="whisper-1", file=("a.wav", sound()), response_format="verbose_json"
        )
    assert row_of(weir, raw)["operation"] == "translation"


def test_large_sounds_are_spooled_and_larger_ones_sent_on_once(client, weir, mimic):
    spooled = client.audio.transcriptions.with_raw_response.create(model="ears", file=("a.wav", sound(100)))
    assert spooled.headers["x-weir-attempts"] == "2"
    assert row_of(weir, spooled)["audio_ms"] == 100_000
    with pytest.raises(openai.InternalServerError):
        client.audio.transcriptions.create(model="ears", file=("a.wav", sound(200)))
    raw = client.audio.transcriptions.with_raw_response.create(model="whisper-1", file=("a.wav", sound(200)))
    assert row_of(weir, raw)["audio_ms"] == 200_000
    with pytest.raises(openai.APIStatusError) as refused:
        client.audio.transcriptions.create(model="whisper-1", file=("a.wav", sound(700)))
    assert refused.value.status_code == 413 and "max_upload" in refused.value.message


def test_moderation_needs_no_model(client, weir, mimic):
    raw = client.moderations.with_raw_response.create(input="harm")
    assert raw.parse().results[0].flagged and mimic.sent() == {"input": "harm"}
    row = row_of(weir, raw)
    assert (row["operation"], row["cost_nano_usd"]) == ("moderation", 0)


# Files and batches.


def lines(*models):
    def line(index, model):
        body = {"model": model, "messages": [{"role": "user", "content": "hi"}]}
        return {"custom_id": f"r{index}", "method": "POST", "url": "/v1/chat/completions", "body": body}

    return "\n".join(json.dumps(line(*each)) for each in enumerate(models)).encode()


def test_files_belong_to_their_tenant(client, weir):
    with openai_on(weir, key=OTHER) as other:
        mine = client.files.create(file=("a.txt", b"hello"), purpose="user_data")
        theirs = other.files.create(file=("b.txt", b"secret"), purpose="user_data")
        assert mine.id.startswith("file-") and len(mine.id) < 200
        assert client.files.retrieve(mine.id).id == mine.id
        assert client.files.content(mine.id).read() == b"hello"
        assert [file.id for file in client.files.list()] == [mine.id]
        assert [file.id for file in other.files.list()] == [theirs.id]
        for wrong in (theirs.id, "file-mimic1", mine.id[:-3] + "xyz"):
            with pytest.raises(openai.NotFoundError):
                client.files.retrieve(wrong)
            with pytest.raises(openai.NotFoundError):
                client.files.delete(wrong)
            with pytest.raises(openai.NotFoundError):
                client.batches.create(input_file_id=wrong, endpoint="/v1/chat/completions", completion_window="24h")
        deleted = client.files.delete(mine.id)
        assert deleted.id == mine.id and deleted.deleted
        with pytest.raises(openai.NotFoundError, match=mine.id[:40]):
            client.files.retrieve(mine.id)
        assert not list(client.files.list())


def test_lists_show_what_is_the_tenants_in_pages(client, weir):
    with openai_on(weir, key=OTHER) as other:
        mine = [client.files.create(file=("a", b"x"), purpose="user_data").id for _ in range(2)]
        for _ in range(5):
            other.files.create(file=("b", b"x"), purpose="user_data")
        mine.append(client.files.create(file=("a", b"x"), purpose="user_data").id)
        assert [file.id for file in client.files.list(limit=2)] == mine[::-1]


def test_a_batch_of_openais_from_end_to_end(client, weir, mimic):
    file = client.files.create(file=("in.jsonl", lines("friend", "openai/echo", "echo", "nobody")), purpose="batch")
    kept = [json.loads(line) for line in client.files.content(file.id).read().splitlines()]
    assert [line["body"]["model"] for line in kept] == ["echo", "echo", "echo", "nobody"]
    raw = client.batches.with_raw_response.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    batch = raw.parse()
    assert batch.input_file_id == file.id and batch.status == "validating"
    assert row_of(weir, raw)["cost_nano_usd"] == 0
    done = client.batches.retrieve(batch.id)
    assert done.status == "completed" and done.id == batch.id
    assert [one.id for one in client.batches.list()] == [batch.id]
    # Errors cost nothing, and do not stand for the rest.
    assert b"r3" in client.files.content(done.error_file_id).read()
    for _ in range(3):
        results = client.files.content(done.output_file_id).read()
        assert [json.loads(line)["custom_id"] for line in results.splitlines()] == ["r0", "r1", "r2"]
    rows = until(lambda: weir.rows("operation = 'batches' AND output_tokens > 0"), "the batch's row")
    # Three answers of 10 and 5 tokens at 1 and 2 USD a million, at half the price, once.
    assert [(row["input_tokens"], row["output_tokens"], row["cost_nano_usd"]) for row in rows] == [(30, 15, 30_000)]
    assert rows[0]["target"] == "openai/echo" and rows[0]["key_name"] == "tests"
    assert client.batches.cancel(batch.id).status == "cancelled"
    assert all("weir1" not in request["body"] + request["path"] for request in mimic.requests())


def test_a_batch_of_anthropics_from_end_to_end(claude, weir, mimic):
    def ask(custom_id, model):
        params = {"model": model, "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
        return {"custom_id": custom_id, "params": params}

    batch = claude.messages.batches.create(requests=[ask("a", "claude"), ask("b", "anthropic/echo")])
    assert [one["params"]["model"] for one in mimic.sent()["requests"]] == ["echo", "echo"]
    assert claude.messages.batches.retrieve(batch.id).processing_status == "ended"
    assert [one.id for one in claude.messages.batches.list()] == [batch.id]
    for _ in range(2):
        results = list(claude.messages.batches.results(batch.id))
        assert [result.custom_id for result in results] == ["a", "b"]
        assert results[0].result.message.content[0].text == "Hi"
    rows = until(lambda: weir.rows("operation = 'batches' AND output_tokens > 0"), "the batch's row")
    assert [(row["input_tokens"], row["cost_nano_usd"]) for row in rows] == [(20, 20_000)]
    with anthropic_on(weir, key=OTHER) as other:
        with pytest.raises(anthropic.NotFoundError):
            other.messages.batches.retrieve(batch.id)
        assert not list(other.messages.batches.list())
    claude.messages.batches.cancel(batch.id)
    assert claude.messages.batches.delete(batch.id).id == batch.id


def test_anthropics_files(claude, weir):
    file = claude.beta.files.upload(file=("a.txt", b"hello", "text/plain"))
    assert file.id.startswith("file_") and claude.beta.files.retrieve_metadata(file.id).id == file.id
    assert [one.id for one in claude.beta.files.list()] == [file.id]
    assert claude.beta.files.download(file.id).read() == b"hello"
    claude.beta.files.delete(file.id)
    with pytest.raises(anthropic.NotFoundError):
        claude.beta.files.retrieve_metadata(file.id)


# Other objects.


@pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")
def test_jobs_stores_uploads_and_films(client, weir, mimic):
    file = client.files.create(file=("t.jsonl", b"{}"), purpose="fine-tune")
    raw = client.fine_tuning.jobs.with_raw_response.create(model="friend", training_file=file.id)
    job = raw.parse()
    assert mimic.sent()["model"] == "echo" and job.training_file == file.id
    assert row_of(weir, raw)["cost_nano_usd"] is None
    assert client.fine_tuning.jobs.retrieve(job.id).id == job.id
    assert client.fine_tuning.jobs.list_events(job.id).data[0].message == "begun"
    assert client.fine_tuning.jobs.cancel(job.id).status == "cancelled"

    store = client.vector_stores.create(name="docs", file_ids=[file.id], metadata={"file_id": "file-x"})
    assert mimic.sent()["metadata"] == {"file_id": "file-x"}
    linked = client.vector_stores.files.create(vector_store_id=store.id, file_id=file.id)
    assert linked.id == file.id and linked.vector_store_id == store.id
    assert [one.id for one in client.vector_stores.list()] == [store.id]
    client.vector_stores.delete(store.id)

    upload = client.uploads.create(bytes=4, filename="a", mime_type="text/plain", purpose="user_data")
    part = client.uploads.parts.create(upload.id, data=b"1234")
    done = client.uploads.complete(upload.id, part_ids=[part.id])
    assert client.files.retrieve(done.file.id).id == done.file.id

    film = client.videos.create(model="sora-2", prompt="a river", extra_headers={"x-weir-provider": "openai"})
    assert client.videos.retrieve(film.id).status == "completed"
    assert client.videos.download_content(film.id).read() == b"film\x00\xff"
    assert client.videos.remix(film.id, prompt="more").id != film.id


def test_large_files_are_sent_on(client, weir):
    large = bytes(range(256)) * 16384
    file = client.files.create(file=("large", large), purpose="user_data")
    assert client.files.content(file.id).read() == large


# Who may, and what is refused.


def test_short_lists_of_models_keep_out_of_whole_providers(weir):
    with openai_on(weir, key=NARROW) as narrow:
        narrow.audio.transcriptions.create(model="ears", file=("a.wav", sound()))
        with pytest.raises(openai.PermissionDeniedError, match="may not use the model"):
            narrow.moderations.create(model="openai/omni-moderation-latest", input="x")
        with pytest.raises(openai.PermissionDeniedError, match="openai/\\*"):
            narrow.files.list()
    answer = requests.get(f"{weir.url}/openai/v1/models", headers={"authorization": f"Bearer {NARROW}"}, timeout=20)
    assert answer.status_code == 403


def post(weir, path, body, kind="application/json", key=KEY, **headers):
    given = {"authorization": f"Bearer {key}", "content-type": kind} | headers
    status, headers, body = fetch(f"{weir.url}{path}", "POST", given, body)
    return status, json.loads(body)["error"]


def test_bad_input_is_refused_in_dialect(weir, mimic):
    form = "multipart/form-data; boundary=b"
    field = b'--b\r\ncontent-disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n'
    for path, body, kind, status in [
        ("/v1/images/generations", b"{}", "application/json", 400),
        ("/v1/images/generations", b'{"prompt":"x"}', "application/json", 400),
        ("/v1/images/generations", b'{"model":"nobody","prompt":"x"}', "application/json", 404),
        ("/v1/images/generations", field, form, 415),
        ("/v1/audio/transcriptions", b'{"model":"whisper-1"}', "application/json", 415),
        ("/v1/audio/transcriptions", b"--b--", form, 400),
        ("/v1/audio/transcriptions", field, form, 400),
        ("/v1/audio/transcriptions", field + b"--b--", "multipart/form-data", 400),
        ("/v1/audio/transcriptions", b"x" * 20000, form, 400),
        ("/v1/audio/speech", b'{"model":"claude","input":"x","voice":"a"}', "application/json", 400),
        ("/v1/files", b"--b--", form, 400),
        ("/v1/files/..%2f..%2fmodels", b"", "application/json", 400),
        ("/v1/batches", b'{"input_file_id":"file-abc"}', "application/json", 404),
        ("/v1/batches", b"{", "application/json", 400),
    ]:
        got, error = post(weir, path, body, kind)
        assert got == status and error["message"], (path, body[:40], got, error)
    status, error = post(weir, "/v1/files", b"", **{"x-weir-provider": "nobody"})
    assert status == 404 and "nobody" in error["message"]
    assert post(weir, "/v1/moderations", b'{"input":"x"}', key="sk-weir-none")[0] == 401
    assert "anthropic" not in str(mimic.requests())


def test_vendors_refusals_come_through(client, weir):
    with pytest.raises(openai.BadRequestError, match="input"):
        client.audio.speech.create(model="tts-1", voice="alloy", input=None)
    with pytest.raises(openai.NotFoundError):
        client.images.generate(model="closed/unknown", prompt="x")


# Untouched.


def auth(key=KEY):
    return {"authorization": f"Bearer {key}"}


def test_whole_apis_are_reached_untouched(weir, mimic):
    body = {"model": "echo", "messages": [{"role": "user", "content": "hi"}], "x": [1.0]}
    url = f"{weir.url}/openai/v1/embeddings?a=b%20c&key=mine"
    raw = b'{"model":"embed", "input":"hi"}'
    answer = requests.post(url, data=raw, headers=auth() | {"content-type": "application/json"}, timeout=20)
    assert answer.status_code == 200 and answer.json()["object"] == "list"
    sent = mimic.last()
    assert sent["path"] == "/v1/embeddings?a=b%20c" and sent["body"].encode() == raw
    assert sent["headers"]["authorization"] == "Bearer sk-openai-upstream" and "sk-weir" not in str(sent)
    del body["x"]
    answer = requests.post(f"{weir.url}/openai/v1/chat/completions", json=body, headers=auth(), timeout=20)
    row = weir.row(answer.headers["x-weir-request-id"])
    assert (row["operation"], row["target"]) == ("pass_through", "openai/echo")
    assert row["cost_nano_usd"] == row["input_tokens"] * 1000 + row["output_tokens"] * 2000 > 0
    answer = requests.get(f"{weir.url}/openai/v1/models", headers=auth(), timeout=20)
    row = weir.row(answer.headers["x-weir-request-id"])
    assert answer.json()["data"] and row["cost_nano_usd"] is None and row["model"] == "openai/*"


def test_streams_pass_and_are_metered(weir):
    body = {"model": "echo", "messages": [{"role": "user", "content": "hi"}], "stream": True}
    body["stream_options"] = {"include_usage": True}
    answer = requests.post(f"{weir.url}/openai/v1/chat/completions", json=body, headers=auth(), timeout=20)
    assert answer.text.endswith("data: [DONE]\n\n")
    row = weir.row(answer.headers["x-weir-request-id"])
    assert row["output_tokens"] > 0 and row["cost_nano_usd"] > 0


def test_what_does_not_pass(weir, mimic):
    def status(path, key=KEY):
        return requests.get(f"{weir.url}{path}", headers=auth(key), timeout=20).status_code

    assert status("/closed/v1/models") == 404 == status("/nobody/v1/models")
    assert status("/openai/v1/models", "sk-weir-none") == 401
    assert status("/v1/beta/x") == 404
    # The provider's 401 is about our credential, not the caller's.
    assert status("/badkey/v1/models") == 502
    seen = len(mimic.requests())
    for path in ("/openai/v1/../admin", "/openai/%2e%2e/x", "/openai/a%2f..%2fb", "/openai/%252e%252e/x"):
        got = fetch(f"{weir.url}{path}", headers=auth())[0]
        assert got == 400, path
    assert len(mimic.requests()) == seen
    # A vendor's own refusal is its own.
    answer = requests.get(f"{weir.url}/openai/v1/nothing", headers=auth(), timeout=20)
    assert answer.status_code == 404 and "Invalid URL" in answer.text
    assert requests.get(f"{weir.url}/v1/models", headers=auth(), timeout=20).json()["object"] == "list"


