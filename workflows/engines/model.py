"""A model as the plan names it: which engine serves it, and how it is reached."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from corpus.errors import TokenmillError


class EngineError(TokenmillError):
    """The engine cannot answer anything: the message names endpoint or file, and the remedy."""


class Model(BaseModel):
    """One entry of the plan's `models:`; the key is its role."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    engine: Literal["openai", "vllm", "replay"]
    model: str = Field(min_length=1)  # its name at the endpoint; part of every request's identity
    base_url: str | None = None  # openai: where `/chat/completions` is
    api_key_env: str = "OPENAI_API_KEY"  # openai: the environment variable that holds the key
    parameters: dict[str, Any] = Field(
        default_factory=dict
    )  # of sampling, over those of the recipe
    in_flight: int = Field(default=64, ge=1)  # openai: calls at once, of one task
    tasks: int = Field(default=1, ge=1)  # parts asked about at once; vllm: replicas of the engine
    deadline: float = Field(default=600.0, gt=0)  # seconds for one call, its retries among them
    timeout: float = Field(default=120.0, gt=0)  # seconds for one try
    retries: int = Field(default=5, ge=0)  # tries after the first, on 429, 5xx and lost connections
    flush: int = Field(default=64, ge=1)  # responses that are committed together
    path: str | None = None  # vllm: a folder with the weights, where `model` is not one
    device: Literal["gpu", "cpu"] = "gpu"  # vllm: what an engine runs on
    images: bool = False  # vllm: the model sees; its calls may have an image
    options: dict[str, Any] = Field(default_factory=dict)  # vllm: arguments of its engine
    responses: str | None = None  # replay: a Parquet file or folder of responses

    @model_validator(mode="after")
    def _reachable(self) -> Model:
        if self.engine == "openai" and not self.base_url:
            raise ValueError("engine openai needs `base_url`, such as http://127.0.0.1:8000/v1")
        if self.engine == "replay" and not self.responses:
            raise ValueError("engine replay needs `responses`: a Parquet file or folder of them")
        return self
