"""Embeddings and reranking: the vendors' own SDKs before the models of every vendor."""

import cohere
import httpx
import openai
import pytest
import voyageai
from google import genai
from google.genai import types
from voyageai.api_resources import api_requestor

from conftest import KEY, openai_on
from harness import until

CONFIG = """
server: { listen: "{listen}", admin_listen: "{admin}", workers: 1 }
store: { database: "sqlite:{folder}/weir.db" }
providers:
  openai: { kind: openai-compatible, api_key: sk-upstream, base_url: MIMIC/v1 }
  google: { kind: gemini-compatible, api_key: sk-upstream, base_url: MIMIC/v1beta }
  cohere: { kind: custom, api_key: sk-upstream, speaks: { cohere_chat: MIMIC/cohere } }
  voyage: { kind: voyage, api_key: sk-upstream, base_url: MIMIC/voyage/v1 }
  jina: { kind: jina, api_key: sk-upstream, base_url: MIMIC/jina/v1 }
keys:
  - { name: tests, value: KEY }
"""

TEXTS = ["one two", "three"]
DOCUMENTS = ["black coffee", "green tea is green", "tea"]
EMBED = pytest.mark.parametrize("vendor", ["openai", "google", "cohere", "voyage", "jina"])
RERANK = pytest.mark.parametrize("vendor", ["openai", "cohere", "voyage", "jina"])


@pytest.fixture
def weir(gateway):
    return gateway(CONFIG)


@pytest.fixture
def expected(weir):
    """Every vendor here has the same vector for the same text."""
    with openai_on(weir) as client:
        answer = client.embeddings.create(model="openai/embed", input=TEXTS, encoding_format="float")
    return [pytest.approx(entry.embedding, abs=1e-7) for entry in answer.data]


@pytest.fixture(autouse=True)
def closed():
    """Voyage's SDK keeps its connections in the thread."""
    yield
    session = getattr(api_requestor._thread_context, "session", None)
    if session:
        session.close()
        del api_requestor._thread_context.session


@pytest.fixture
def cohere_on(request):
    """Cohere's SDK on a gateway; its connections are closed after the test."""

    def client(weir, version=cohere.ClientV2, key=KEY):
        connections = httpx.Client(timeout=30)
        request.addfinalizer(connections.close)
        return version(api_key=key, base_url=weir.url, max_retries=0, httpx_client=connections)

    return client


@EMBED
def test_openai(weir, expected, vendor):
    """openai-python asks for base64 and unpacks it."""
    with openai_on(weir) as client:
        answer = client.embeddings.create(model=f"{vendor}/embed", input=TEXTS)
        assert [entry.embedding for entry in answer.data] == expected
        assert answer.model == f"{vendor}/embed" and answer.usage.total_tokens > 0
        shorter = client.embeddings.create(model=f"{vendor}/embed", input="one", dimensions=512)
        assert len(shorter.data[0].embedding) == 512
    where = "operation = 'embeddings' and status = 200 and target = ?"
    until(lambda: weir.rows(where, f"{vendor}/embed"), "rows in the ledger")


@EMBED
def test_cohere(weir, expected, vendor, cohere_on):
    answer = cohere_on(weir).embed(
        model=f"{vendor}/embed", texts=TEXTS, input_type="search_query", embedding_types=["float", "base64"]
    )
    assert answer.embeddings.float_ == expected and len(answer.embeddings.base64) == 2
    older = cohere_on(weir, cohere.Client).embed(model=f"{vendor}/embed", texts=TEXTS, input_type="search_document")
    assert older.embeddings == expected


@EMBED
def test_voyage(weir, expected, vendor):
    client = voyageai.Client(api_key=KEY, base_url=f"{weir.url}/v1")
    answer = client.embed(TEXTS, model=f"{vendor}/embed", input_type="document")
    assert [list(vector) for vector in answer.embeddings] == expected and answer.total_tokens > 0


@EMBED
def test_google(weir, expected, vendor):
    with genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=weir.url, timeout=30_000)) as client:
        answer = client.models.embed_content(
            model=f"{vendor}/embed", contents=TEXTS, config=types.EmbedContentConfig(task_type="RETRIEVAL_QUERY")
        )
    assert [entry.values for entry in answer.embeddings] == expected


def test_kinds_of_numbers(weir, mimic, cohere_on):
    """What the vendor can give comes, what it cannot is refused in Cohere's words."""
    client = cohere_on(weir)
    answer = client.embed(model="voyage/embed", texts=["a"], input_type="search_query", embedding_types=["int8"])
    assert len(answer.embeddings.int8[0]) == 256 and answer.embeddings.float_ is None
    assert mimic.sent()["output_dtype"] == "int8"
    with pytest.raises(cohere.BadRequestError) as refusal:
        client.embed(model="openai/embed", texts=["a"], input_type="search_query", embedding_types=["int8"])
    assert "`float`" in refusal.value.body["message"]
    packed = voyageai.Client(api_key=KEY, base_url=f"{weir.url}/v1").embed(["a"], model="cohere/embed", output_dtype="ubinary")
    assert len(packed.embeddings[0]) == 32 and all(0 <= number < 256 for number in packed.embeddings[0])


@RERANK
def test_cohere_ranks(weir, vendor, cohere_on):
    answer = cohere_on(weir).rerank(model=f"{vendor}/rerank", query="green tea", documents=DOCUMENTS, top_n=2)
    assert [(item.index, item.relevance_score) for item in answer.results] == [(1, 1), (2, 0.5)]
    older = cohere_on(weir, cohere.Client).rerank(
        model=f"{vendor}/rerank", query="green tea", documents=DOCUMENTS, return_documents=True
    )
    assert [item.document.text for item in older.results] == [DOCUMENTS[1], DOCUMENTS[2], DOCUMENTS[0]]


@RERANK
def test_voyage_ranks(weir, vendor):
    client = voyageai.Client(api_key=KEY, base_url=f"{weir.url}/v1")
    answer = client.rerank("green tea", DOCUMENTS, model=f"{vendor}/rerank", top_k=2)
    assert [(item.index, item.document) for item in answer.results] == [(1, DOCUMENTS[1]), (2, "tea")]
    assert answer.total_tokens > 0


def test_many_texts(weir, mimic):
    texts = [f"text {number}" for number in range(200)]
    with openai_on(weir) as client:
        mimic.forget()
        answer = client.embeddings.create(model="google/embed", input=texts)
        assert len(answer.data) == 200 and len(mimic.requests()) == 2
    assert len({tuple(entry.embedding) for entry in answer.data}) == 200
    assert len(until(lambda: weir.rows("operation = 'embeddings'"), "a row in the ledger")) == 1


def test_the_built_in_simulation(weir, gateway, cohere_on):
    simulated = gateway('server: { listen: "{listen}", admin_listen: "{admin}" }\nstore: { database: "sqlite:{folder}/weir.db" }\n'
                        "providers: { sim: {} }\nkeys: [ { name: tests, value: KEY } ]\n")
    ranked = cohere_on(simulated).rerank(model="sim/rerank", query="green tea", documents=DOCUMENTS)
    assert [item.index for item in ranked.results] == [1, 2, 0]
    embedded = cohere_on(simulated).embed(model="sim/embed", texts=["a"], input_type="clustering")
    assert len(embedded.embeddings.float_[0]) == 256


def test_refusals(weir, cohere_on):
    with openai_on(weir) as client:
        for model, given, words in [
            ("voyage/embed", [[1, 2]], "holds tokens"),
            ("cohere/embed", [], "must not be empty"),
            ("cohere/embed", ["x"] * 3073, "at most 3072"),
        ]:
            with pytest.raises(openai.BadRequestError, match=words) as refusal:
                client.embeddings.create(model=model, input=given)
            assert refusal.value.param == "input" or "input" in refusal.value.param
        with pytest.raises(openai.NotFoundError):
            client.embeddings.create(model="nobody/embed", input="a")
        with pytest.raises(openai.RateLimitError):
            client.embeddings.create(model="jina/fail+status=429", input="a")
    voyage = voyageai.Client(api_key=KEY, base_url=f"{weir.url}/v1")
    with pytest.raises(voyageai.error.InvalidRequestError):
        voyage.embed([], model="cohere/embed")
    with pytest.raises(voyageai.error.AuthenticationError):
        voyageai.Client(api_key="sk-wrong", base_url=f"{weir.url}/v1").rerank("q", ["a"], model="cohere/rerank")
    with pytest.raises(cohere.UnauthorizedError):
        cohere_on(weir, key="sk-wrong").rerank(model="jina/rerank", query="q", documents=["a"])
