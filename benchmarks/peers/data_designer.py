"""The peer data-designer over the mock: python data_designer.py URL COUNT CONCURRENCY."""

from __future__ import annotations

import sys
import tempfile

sys.path.pop(0)  # this file has the name of the package
import data_designer.config as dd
import pandas as pd
import tiktoken
from data_designer.interface import DataDesigner


class Words:
    """Stands in for the tokeniser, which would be fetched from the network."""

    def encode(self, text: str, **_: object) -> list[str]:
        return text.split()


tiktoken.encoding_for_model = tiktoken.get_encoding = lambda *_: Words()
url, count, concurrency = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
provider = dd.ModelProvider(name="mock", endpoint=f"{url}/v1", provider_type="openai", api_key="x")
limits = dd.ChatCompletionInferenceParams(max_parallel_requests=concurrency, temperature=1.0)
model = dd.ModelConfig(
    alias="m",
    model="m",
    provider="mock",
    inference_parameters=limits,
    skip_health_check=True,
)
builder = dd.DataDesignerConfigBuilder(model_configs=[model])
seeds = pd.DataFrame({"text": [f"prompt {number}" for number in range(count)]})
builder.with_seed_dataset(dd.DataFrameSeedSource(df=seeds))
builder.add_column(dd.LLMTextColumnConfig(name="answer", prompt="{{ text }}", model_alias="m"))
designer = DataDesigner(artifact_path=tempfile.mkdtemp(), model_providers=[provider])
designer.set_run_config(dd.RunConfig(otel_metrics_port=None, disable_early_shutdown=True))
made = designer.create(builder, num_records=count)
print(len(made.load_dataset()))
