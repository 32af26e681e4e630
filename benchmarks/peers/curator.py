"""The peer bespokelabs-curator over the mock: python curator.py URL COUNT CONCURRENCY."""

from __future__ import annotations

import os
import sys
import tempfile

os.environ["CURATOR_DISABLE_CACHE"] = "1"
os.environ["CURATOR_CACHE_DIR"] = tempfile.mkdtemp()
import tiktoken


class Words:
    """Stands in for the tokeniser, which would be fetched from the network."""

    def encode(self, text: str, **_: object) -> list[str]:
        return text.split()


tiktoken.encoding_for_model = tiktoken.get_encoding = lambda *_: Words()

from bespokelabs import curator  # noqa: E402 - after the stand-in


class Ask(curator.LLM):
    """One answer for each prompt."""

    def prompt(self, row: dict) -> str:
        return row["prompt"]

    def parse(self, row: dict, response: str) -> dict:
        return {"prompt": row["prompt"], "answer": response}


url, count, concurrency = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
model = Ask(
    model_name="gpt-4o-mini",
    backend="openai",
    backend_params={
        "base_url": f"{url}/v1",
        "max_concurrent_requests": concurrency,
        "max_requests_per_minute": 10_000_000,
        "max_tokens_per_minute": 1_000_000_000,
        "max_retries": 10,
        "require_all_responses": False,
    },
)
made = model([{"prompt": f"prompt {number}"} for number in range(count)])
print(len(getattr(made, "dataset", made)))
